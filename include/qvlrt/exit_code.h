// The one mapping from statuses to the exit codes of the tools and the codes of the C interface.
#pragma once

#include "absl/status/status.h"

namespace qvlrt {

inline constexpr int kExitDone = 0;
inline constexpr int kExitBadInput = 1; // or a limit reached
inline constexpr int kExitUsage = 2;
inline constexpr int kExitInternal = 3;
inline constexpr int kExitSystemFailed = 4;
inline constexpr int kExitInterrupted = 130;

/// The exit code of a status (architecture, section 4): internal and unknown errors are ours, an
/// unavailable or exhausted system is the system's unless a limit of the user was reached, and
/// everything else is the input's.
int exitCodeOf(const absl::Status &status);

} // namespace qvlrt
