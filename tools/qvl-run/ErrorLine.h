// The error line of the tool.
#pragma once

#include "absl/status/status.h"

#include <string_view>

namespace qvlrun {

/// One line on stderr: "qvl-run: error: MESSAGE".
void printError(std::string_view message);

/// Prints the line of an error and returns its exit code; an internal error asks for a report.
int reportError(const absl::Status &status);

} // namespace qvlrun
