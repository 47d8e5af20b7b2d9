// One launch on a GPU.
#pragma once

#include "Gpu.h"
#include "tools/qvl-ptxsim/LaunchFlags.h"

namespace qvlptxrun {

/// Runs the kernel and leaves in the buffers of `arguments` what it wrote. Unlike the simulator, a
/// driver does not say what a kernel's parameters are: the caller gives as many as it has.
/// Errors: InvalidArgument for PTX that the driver refuses, with its own words, and for arguments
/// that are wrong in themselves; FailedPrecondition for what the GPU or its driver lacks; the
/// driver's when the launch fails.
absl::Status runKernel(Gpu &gpu, const qvlptxsim::LaunchFlags &flags,
                       std::vector<qvlptxsim::Argument> &arguments);

} // namespace qvlptxrun
