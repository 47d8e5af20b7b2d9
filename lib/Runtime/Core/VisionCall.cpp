// The checks of a vision call before launch: kernels index memory with these values.
#include "qvlrt/vision_program.h"

#include "OperandChecks.h"
#include "qvlrt/status.h"

#include "absl/strings/str_cat.h"

namespace qvlrt {

namespace {

/// Bounds of segments lie between groups, since the window order moves whole groups.
absl::Status checkGroupBounds(absl::string_view operand, std::span<const std::int32_t> bounds,
                              std::int64_t rows, std::int64_t groupRows) {
  QVLRT_RETURN_IF_ERROR(checkSegments(operand, bounds, rows));
  for (std::size_t i = 0; i < bounds.size(); ++i)
    if (bounds[i] % groupRows != 0)
      return absl::InvalidArgumentError(absl::StrCat(operand, "[", i, "] is ", bounds[i],
                                                     ", not a multiple of the ", groupRows,
                                                     " rows of a group"));
  return absl::OkStatus();
}

/// Kernels of windowed attention have room for the rows of one whole window.
absl::Status checkWindowRows(std::span<const std::int32_t> windows, std::int64_t windowRows) {
  for (std::size_t i = 1; i < windows.size(); ++i)
    if (std::int64_t rows = std::int64_t{windows[i]} - windows[i - 1]; rows > windowRows)
      return absl::InvalidArgumentError(absl::StrCat(
          "window ", i - 1, " has ", rows, " rows, more than the ", windowRows, " of a whole one"));
  return absl::OkStatus();
}

/// Positions are coordinates inside a frame, so they are below its number of rows.
absl::Status checkPositions(const VisionCall &call, std::int64_t rows) {
  for (std::size_t frame = 1; frame < call.frames.size(); ++frame) {
    std::int64_t begin = call.frames[frame - 1];
    std::int64_t end = call.frames[frame];
    for (std::int64_t axis = 0; axis < 2; ++axis)
      for (std::int64_t i = axis * rows + begin; i < axis * rows + end; ++i)
        if (call.positions[i] < 0 || call.positions[i] >= end - begin)
          return operandOutOfRange("positions", i, call.positions[i], 0, end - begin - 1);
  }
  return absl::OkStatus();
}

absl::Status checkWindowOrder(const VisionCall &call, std::int64_t groupRows) {
  std::vector<bool> seen(call.window.size(), false);
  for (std::size_t frame = 1; frame < call.frames.size(); ++frame) {
    std::int64_t begin = call.frames[frame - 1] / groupRows;
    std::int64_t end = call.frames[frame] / groupRows;
    for (std::int64_t i = begin; i < end; ++i) {
      std::int64_t group = call.window[i];
      if (group < begin || group >= end)
        return absl::InvalidArgumentError(absl::StrCat(
            "window[", i, "] is ", group, ", outside its frame, groups ", begin, " .. ", end - 1));
      if (seen[group])
        return absl::InvalidArgumentError(
            absl::StrCat("window is no permutation: it holds ", group, " twice"));
      seen[group] = true;
    }
  }
  return absl::OkStatus();
}

} // namespace

VisionLimits VisionLimits::of(const qvlfmt::ModelFacts &facts) {
  const qvlfmt::ProcessorFacts &processor = *facts.processor();
  const std::int64_t groupSide = processor.merge_size();
  const std::int64_t windowSide =
      processor.window_size() / processor.patch_size() / groupSide * groupSide;
  return {facts.patch_row(), groupSide * groupSide, windowSide * windowSide};
}

absl::Status checkVisionCall(const VisionCall &call, const VisionLimits &limits) {
  std::int64_t rows = std::ssize(call.pixels) / limits.patchRow;
  if (rows == 0 || rows > INT32_MAX / 2 || rows % limits.groupRows != 0 ||
      std::ssize(call.pixels) != rows * limits.patchRow)
    return absl::InvalidArgumentError(absl::StrCat("pixels has ", call.pixels.size(),
                                                   " elements, not whole groups of ",
                                                   limits.groupRows, " rows of ", limits.patchRow));
  QVLRT_RETURN_IF_ERROR(checkCount("positions", call.positions.size(), 2 * rows));
  QVLRT_RETURN_IF_ERROR(checkCount("window", call.window.size(), rows / limits.groupRows));
  QVLRT_RETURN_IF_ERROR(checkGroupBounds("frames", call.frames, rows, limits.groupRows));
  QVLRT_RETURN_IF_ERROR(checkGroupBounds("windows", call.windows, rows, limits.groupRows));
  QVLRT_RETURN_IF_ERROR(checkWindowRows(call.windows, limits.windowRows));
  QVLRT_RETURN_IF_ERROR(checkPositions(call, rows));
  return checkWindowOrder(call, limits.groupRows);
}

} // namespace qvlrt
