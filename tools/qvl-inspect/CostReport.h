// Predicted times of a GPU target, from its programs and the text of its kernels.
#pragma once

#include "LaunchWork.h"

#include "absl/status/statusor.h"
#include "qvlrt/module.h"

#include <string>

namespace qvlinspect {

/// A table a program (rows: kernels of one kind; what they move and compute, predicted times and
/// the share of the roofline on each card), the sums, and the assumptions. With `kernel` only its
/// rows, then its threads, shared memory, occupancy and the instructions of its inner loop. Nothing
/// here is measured. Errors: NotFound (a target that is not for GPUs, a kernel), those of
/// launchWork().
absl::StatusOr<std::string> costReport(const qvlrt::Module &module, const Workload &workload,
                                       const std::string &kernel);

} // namespace qvlinspect
