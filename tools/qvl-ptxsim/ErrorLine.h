// The error line of the tools that launch one kernel.
#pragma once

#include "absl/status/status.h"

#include <functional>
#include <string_view>

namespace qvlptxsim {

inline constexpr int kDone = 0, kBadInput = 1, kUsage = 2, kInternal = 3, kSystemFailed = 4;

/// One line on stderr: "TOOL: error: MESSAGE".
void printError(std::string_view tool, std::string_view message);

/// Prints the line of an error and returns its exit code (architecture, section 4).
int reportError(std::string_view tool, const absl::Status &status);

/// Runs a tool whose exit code `body` returns; what is thrown, and Ctrl-C, become an error line and
/// its code.
int runGuarded(std::string_view tool, const std::function<int()> &body);

/// Flushes stdout. Error: Unavailable when what was printed did not arrive.
absl::Status flushOutput();

} // namespace qvlptxsim
