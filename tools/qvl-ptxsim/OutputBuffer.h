// Buffers that are written to files after a launch.
#pragma once

#include "Argument.h"

#include "absl/status/status.h"

#include <span>
#include <string>

namespace qvlptxsim {

/// `--out=INDEX:FILE.npy`.
struct OutputBuffer {
  std::size_t argument = 0; // counts all arguments from 0
  std::string path;
};

/// Checks before the launch that every output names a buffer. Errors: InvalidArgument.
absl::Status checkOutputs(std::span<const OutputBuffer> outputs,
                          std::span<const Argument> arguments);

/// Writes the outputs from the buffers of the arguments. Errors: Unavailable (disk full).
absl::Status writeOutputs(std::span<const OutputBuffer> outputs,
                          std::span<const Argument> arguments);

} // namespace qvlptxsim
