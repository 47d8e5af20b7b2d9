// Predicted times of a GPU target.
#include "CostReport.h"

#include "lib/Runtime/Core/FlatbufferViews.h"
#include "qvlrt/status.h"

#include "absl/strings/str_cat.h"

#include <algorithm>
#include <cmath>

namespace qvlinspect {
namespace {

using qvlrt::countOf, qvlrt::viewOf;

/// Seconds of one launch.
Prediction predict(const GpuCard &card, const LaunchWork &work, bool tensor, bool wide) {
  constexpr double kTilesOfWideBlock = 2; // of the grid
  wide &= card.wideShare > 0;
  const double peak = tensor ? card.tensorFlops : card.fmaFlops;
  const double tensorShare = wide ? card.wideShare : card.tensorShare;
  const double reached = tensor ? tensorShare * peak : kFmaShare * peak;
  const double memory = work.bytes / card.bytesPerSecond;
  // Blocks spread evenly: the fullest multiprocessor sets the time of arithmetic, and fewer blocks
  // than multiprocessors leave memory bandwidth unused.
  const double tiles = std::max<double>(static_cast<double>(work.blocks), 1);
  const double blocks = wide ? std::ceil(tiles / kTilesOfWideBlock) : tiles;
  const double each = blocks / card.multiprocessors;
  const double compute = work.flops / reached * std::ceil(each) / each;
  return {.roofline = std::max(memory, work.flops / peak),
          .expected =
              std::max(memory / kBandwidthShare / std::min(1.0, each), compute) + kLaunchGap};
}

/// Whether a wide form runs the launch, where the card does.
bool isWide(const qvlfmt::Target &target, const LaunchWork &work) {
  const auto *forms = target.kernels()->Get(work.kernel)->wide();
  return countOf(forms) > 0 &&
         static_cast<std::uint64_t>(work.blocks) >= forms->Get(0)->least_tiles();
}

CostRow rowOf(const qvlfmt::Target &target, const LaunchWork &work) {
  const bool tensor = viewOf(target.precision()) == "bf16", wide = isWide(target, work);
  CostRow row{.launches = 1, .bytes = work.bytes, .flops = work.flops, .times = {}};
  for (std::size_t i = 0; i < std::size(kCards); ++i)
    row.times[i] = predict(kCards[i], work, tensor, wide);
  return row;
}

std::optional<std::uint32_t> kernelNumber(const qvlfmt::Target &target, const std::string &name) {
  for (std::uint32_t i = 0; i < countOf(target.kernels()); ++i)
    if (viewOf(target.kernels()->Get(i)->name()) == name)
      return i;
  return std::nullopt;
}

/// The costs of a program by kinds of kernels, or of the kernel `only`.
absl::StatusOr<ProgramCost> programCost(const qvlrt::Module &module, const qvlfmt::Target &target,
                                        const qvlfmt::Program &program, const Workload &workload,
                                        std::optional<std::uint32_t> only) {
  QVLRT_ASSIGN_OR_RETURN(const std::vector<LaunchWork> launches,
                         launchWork(module.artifact(), target, program, workload));
  ProgramCost cost{.name = program.name()->str(), .rows = {}, .sum = {}};
  for (const LaunchWork &work : launches) {
    if (only && work.kernel != *only)
      continue;
    const std::string name = target.kernels()->Get(work.kernel)->name()->str();
    const CostRow row = rowOf(target, work);
    cost.rows[only ? name : familyOf(name)].add(row);
    cost.sum.add(row);
  }
  return cost;
}

} // namespace

void CostRow::add(const CostRow &other) {
  launches += other.launches;
  bytes += other.bytes;
  flops += other.flops;
  for (std::size_t i = 0; i < times.size(); ++i) {
    times[i].roofline += other.times[i].roofline;
    times[i].expected += other.times[i].expected;
  }
}

absl::StatusOr<CostReport> predictCosts(const qvlrt::Module &module, const Workload &workload,
                                        const std::string &kernel, const Assembler &assembler) {
  QVLRT_ASSIGN_OR_RETURN(const qvlfmt::Target *target, module.target("cuda"));
  CostReport report{.file = module.path(),
                    .precision = target->precision()->str(),
                    .workload = workload,
                    .programs = {},
                    .kernel = {}};
  std::optional<std::uint32_t> only;
  if (!kernel.empty()) {
    only = kernelNumber(*target, kernel);
    if (!only)
      return absl::NotFoundError(
          absl::StrCat(module.path(), ": target cuda has no kernel ", kernel));
    report.kernel = kernelCost(*target, *target->kernels()->Get(*only), assembler);
  }
  for (std::uint32_t i = 0; i < countOf(target->programs()); ++i) {
    QVLRT_ASSIGN_OR_RETURN(
        ProgramCost cost,
        programCost(module, *target, *target->programs()->Get(i), workload, only));
    if (!cost.rows.empty())
      report.programs.push_back(std::move(cost));
  }
  return report;
}

} // namespace qvlinspect
