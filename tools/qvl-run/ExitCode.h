// Exit codes and error lines of the tool.
#pragma once

#include "absl/status/status.h"

#include <string_view>

namespace qvlrun {

inline constexpr int kDone = 0;
inline constexpr int kBadInput = 1; // or a limit reached
inline constexpr int kUsage = 2;
inline constexpr int kInternal = 3;
inline constexpr int kSystemFailed = 4;
inline constexpr int kInterrupted = 130;

/// One line on stderr: "qvl-run: error: MESSAGE".
void printError(std::string_view message);

/// Prints the line of an error and returns its exit code. An interruption prints nothing more than
/// "interrupted"; an internal error asks for a report.
int reportError(const absl::Status &status);

} // namespace qvlrun
