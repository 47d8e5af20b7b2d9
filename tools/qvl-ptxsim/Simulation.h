// One launch in the simulator.
#pragma once

#include "LaunchFlags.h"
#include "qvlsim/Launch.h"

#include "absl/status/statusor.h"

namespace qvlptxsim {

/// Runs the kernel and leaves in the buffers of `arguments` what it wrote, also when it stopped at
/// a fault. `options` holds everything but the extents and the shared memory, which come from
/// `flags`. Errors: InvalidArgument for a file, kernel or arguments that do not fit;
/// ResourceExhausted when the buffers exceed `memoryBytes`.
absl::StatusOr<qvlsim::LaunchResult> simulate(const LaunchFlags &flags,
                                              std::vector<Argument> &arguments,
                                              qvlsim::LaunchOptions options,
                                              std::uint64_t memoryBytes);

} // namespace qvlptxsim
