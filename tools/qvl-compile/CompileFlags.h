// The command line of qvl-compile (contract C1).
#pragma once

#include "qvl/Pipelines/Compile.h"

#include <optional>

namespace qvl {

enum class ProgressMode { Auto, On, Off };

struct CompileCommand {
  CompileOptions options;
  ProgressMode progress = ProgressMode::Auto;
};

/// Parses the command line. Prints help or a usage error and returns the exit code to stop with (0
/// or 2), or fills `command`.
std::optional<int> parseCompileCommand(int argc, char **argv, CompileCommand &command);

} // namespace qvl
