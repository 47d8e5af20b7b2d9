// The options that describe one launch.
#pragma once

#include "OutputBuffer.h"

#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace qvlptxsim {

using Extents = std::array<std::uint32_t, 3>; // x, y, z

/// What to launch.
struct LaunchFlags {
  std::string file, kernel;
  Extents grid{}, block{};
  Extents cluster{}; // zeros: what the kernel declares
  std::uint32_t sharedBytes = 0;
  std::vector<std::string> arguments;
  std::vector<OutputBuffer> outputs;
};

/// Declares FILE.ptx, --kernel, --grid, --block, --cluster, --shared, --arg and --out. `flags` must
/// live as long as the parser.
void declareLaunchFlags(CLI::App &app, LaunchFlags &flags);

/// Arguments of main in the order that the parser takes, "--name=" with nothing behind it as an
/// empty value.
std::vector<std::string> argumentsOf(int argc, char **argv);

/// Reads a whole text file of at most 256 MiB. Errors: NotFound, InvalidArgument.
absl::StatusOr<std::string> readText(const std::string &path);

} // namespace qvlptxsim
