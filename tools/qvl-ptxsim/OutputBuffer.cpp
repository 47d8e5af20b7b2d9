#include "OutputBuffer.h"

#include "absl/strings/str_format.h"

namespace qvlptxsim {

absl::Status checkOutputs(std::span<const OutputBuffer> outputs,
                          std::span<const Argument> arguments) {
  for (const OutputBuffer &output : outputs) {
    const std::size_t index = output.argument;
    if (index >= arguments.size())
      return absl::InvalidArgumentError(
          absl::StrFormat("--out=%u:%s: there are %u arguments, counted from 0", index, output.path,
                          arguments.size()));
    if (!arguments[index].buffer)
      return absl::InvalidArgumentError(
          absl::StrFormat("--out=%u:%s: argument %u (%s) is no buffer", index, output.path, index,
                          arguments[index].text));
  }
  return absl::OkStatus();
}

absl::Status writeOutputs(std::span<const OutputBuffer> outputs,
                          std::span<const Argument> arguments) {
  for (const OutputBuffer &output : outputs) {
    const qvlrt::NpyArray &array = *arguments[output.argument].buffer;
    absl::Status status = qvlrt::writeNpy(output.path, array.type, array.shape, array.bytes);
    if (!status.ok())
      return status;
  }
  return absl::OkStatus();
}

} // namespace qvlptxsim
