// Predicted times of a GPU target, from its programs and the text of its kernels.
#pragma once

#include "GpuCard.h"
#include "KernelCost.h"
#include "LaunchWork.h"

#include "absl/status/statusor.h"
#include "qvlrt/module.h"

#include <nlohmann/json.hpp>

#include <array>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace qvlinspect {

/// Seconds.
struct Prediction {
  double roofline = 0; // bytes or operations alone, at the card's peaks
  double expected = 0;
};

/// Sums over launches.
struct CostRow {
  std::int64_t launches = 0;
  double bytes = 0, flops = 0;
  std::array<Prediction, std::size(kCards)> times;

  void add(const CostRow &other);
};

/// Costs of a program by kinds of kernels, or of one kernel.
struct ProgramCost {
  std::string name;
  std::map<std::string, CostRow> rows;
  CostRow sum;
};

/// What a target's programs are predicted to cost. Nothing here is measured.
struct CostReport {
  std::string file;
  std::string precision;
  Workload workload;
  std::vector<ProgramCost> programs;
  std::optional<KernelCost> kernel; // of a report on one kernel
};

/// The costs of target cuda; with `kernel` only those of the programs that launch it, and what the
/// kernel occupies and executes. Errors: NotFound (a target that is not for GPUs, a kernel), those
/// of launchWork().
absl::StatusOr<CostReport> predictCosts(const qvlrt::Module &module, const Workload &workload,
                                        const std::string &kernel, const Assembler &assembler);

/// A table a program (rows: kernels of one kind; what they move and compute, predicted times and
/// the share of the roofline on each card), the sums, the kernel, and the assumptions.
std::string textOf(const CostReport &report);
nlohmann::ordered_json jsonOf(const CostReport &report);

} // namespace qvlinspect
