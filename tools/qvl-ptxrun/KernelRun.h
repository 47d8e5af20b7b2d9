// One launch on a GPU.
#pragma once

#include "Timing.h"
#include "tools/qvl-ptxsim/LaunchFlags.h"

namespace qvlptxrun {

/// Runs the kernel and leaves in the buffers of `arguments` what it wrote. With `timedRuns` it is
/// launched more often then, which gives the times; buffers are those of the first launch. Unlike
/// the simulator, a driver does not say what a kernel's parameters are: the caller gives as many as
/// it has. Errors: InvalidArgument for PTX that the driver refuses, with its own words, and for
/// arguments that are wrong in themselves; FailedPrecondition for what the GPU or its driver lacks;
/// the driver's when the launch fails.
absl::StatusOr<std::optional<LaunchTimes>> runKernel(Gpu &gpu, const qvlptxsim::LaunchFlags &flags,
                                                     std::vector<qvlptxsim::Argument> &arguments,
                                                     int timedRuns);

} // namespace qvlptxrun
