#include "qvlrt/vision_program.h"

#include "qvlrt/operand_staging.h"
#include "qvlrt/status.h"

#include "absl/strings/str_cat.h"

#include <cstring>

namespace qvlrt {

using qvlfmt::ElementType;

namespace {

/// Channels of a patch row; the pixels of one channel and frame lie together.
constexpr std::int64_t kChannels = 3;

/// The columns of the first of `frames` frames of each row. Rows are [channel][frame][pixel].
/// Error: InvalidArgument when another frame is not equal to it.
absl::StatusOr<std::vector<float>> firstFrames(std::span<const float> rows, std::int64_t rowSize,
                                               std::int64_t frames) {
  const std::int64_t pixels = rowSize / (kChannels * frames);
  std::vector<float> first;
  first.reserve(rows.size() / frames);
  for (const float *channel = rows.data(); channel < rows.data() + rows.size();
       channel += frames * pixels) {
    for (std::int64_t frame = 1; frame < frames; ++frame)
      if (std::memcmp(channel, channel + frame * pixels, pixels * sizeof(float)) != 0)
        return absl::InvalidArgumentError(
            absl::StrCat("pixels of row ", (channel - rows.data()) / rowSize,
                         " differ between frames, so they are no picture"));
    first.insert(first.end(), channel, channel + pixels);
  }
  return first;
}

} // namespace

absl::StatusOr<VisionProgram> VisionProgram::create(Executor &executor, VisionFrames frames) {
  const qvlfmt::ModelFacts &facts = executor.module().facts();
  const std::int64_t perRow = facts.processor()->temporal_patch_size();
  if (frames == VisionFrames::Still && perRow > 1 && facts.patch_row() % (kChannels * perRow) == 0)
    if (absl::StatusOr<std::uint32_t> still = executor.program("vision_still"); still.ok())
      return VisionProgram(executor, *still, perRow);
  QVLRT_ASSIGN_OR_RETURN(std::uint32_t program, executor.program("vision"));
  return VisionProgram(executor, program, 1);
}

absl::Status VisionProgram::run(const VisionCall &call, DeviceRange features,
                                std::vector<CommandRecord> *records) {
  const qvlfmt::ModelFacts &facts = executor->module().facts();
  VisionLimits limits = VisionLimits::of(facts);
  QVLRT_RETURN_IF_ERROR(checkVisionCall(call, limits));

  std::int64_t rows = std::ssize(call.pixels) / limits.patchRow;
  std::span<const float> pixels = call.pixels;
  std::vector<float> still; // alive until upload()
  if (frames > 1) {
    QVLRT_ASSIGN_OR_RETURN(still, firstFrames(pixels, limits.patchRow, frames));
    pixels = still;
  }
  // Not kept between calls: pixels are the largest operand, and a request has them once.
  OperandStaging staging(executor->device());
  staging.add("pixels", ElementType::F32, {rows, limits.patchRow / frames}, pixels);
  staging.add("positions", ElementType::I32, {2, rows}, call.positions);
  staging.add("window", ElementType::I32, {rows / limits.groupRows}, call.window);
  staging.add("windows", ElementType::I32, {std::ssize(call.windows)}, call.windows);
  staging.add("frames", ElementType::I32, {std::ssize(call.frames)}, call.frames);
  QVLRT_ASSIGN_OR_RETURN(std::vector<DeviceTensor> arguments, staging.upload());

  QVLRT_ASSIGN_OR_RETURN(std::vector<DeviceTensor> results,
                         executor->run(program, arguments, records));
  Shape expected = {rows / limits.groupRows, facts.hidden_size()};
  for (const DeviceTensor &result : results)
    if (result.name == "features" && result.element == ElementType::F32 && result.dims == expected)
      return executor->device().copy(features, result.data);
  return absl::InvalidArgumentError(absl::StrCat("the program ",
                                                 absl::string_view(name().data(), name().size()),
                                                 " has no result features f32 [", expected[0], ", ",
                                                 expected[1], "]; compile the checkpoint again"));
}

absl::StatusOr<std::uint64_t> VisionProgram::planMemory(std::int64_t patches, std::int64_t windows,
                                                        std::int64_t segments) const {
  VisionLimits limits = VisionLimits::of(executor->module().facts());
  const ArgumentShape shapes[] = {{"pixels", ElementType::F32, {patches, limits.patchRow / frames}},
                                  {"positions", ElementType::I32, {2, patches}},
                                  {"window", ElementType::I32, {patches / limits.groupRows}},
                                  {"windows", ElementType::I32, {windows + 1}},
                                  {"frames", ElementType::I32, {segments + 1}}};
  return executor->planMemory(program, shapes);
}

} // namespace qvlrt
