#include "qvlrt/mrope_positions.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "absl/strings/str_format.h"

namespace qvlrt {
namespace {

constexpr double kMaxPosition = std::numeric_limits<std::int32_t>::max() / 2;

/// How a variant treats time; `step` is the seconds of one temporal patch.
class TemporalOffset {
public:
  TemporalOffset(MropeVariant variant, double step, double tokensPerSecond) {
    const auto rate = static_cast<float>(tokensPerSecond);
    const auto seconds = static_cast<float>(step);
    switch (variant) {
    case MropeVariant::A:
      inner = seconds, outer = rate;
      break;
    case MropeVariant::B:
    case MropeVariant::D:
      inner = std::trunc(seconds), outer = rate;
      break;
    case MropeVariant::E:
      inner = rate * seconds, outer = 1;
      break;
    }
  }

  /// trunc((frame * inner) * outer), each product rounded to f32 as the reference does.
  double of(std::int64_t frame) const {
    const float scaled = static_cast<float>(frame) * inner;
    return std::trunc(scaled * outer);
  }

private:
  float inner = 0;
  float outer = 0;
};

/// Walks the ids and writes positions.
class PositionPlanner {
public:
  PositionPlanner(const MropeInput &input, MropeVariant variant)
      : input(input), variant(variant), tokens(static_cast<std::int64_t>(input.ids.size())),
        positions(3 * input.ids.size()) {}

  absl::StatusOr<MropePositions> plan() {
    while (index < tokens) {
      if (!opensSpan())
        emit(next, next, next), ++next;
      else if (absl::Status status = addSpan(); !status.ok())
        return status;
    }
    if (image != input.imageGrids.size() || video != input.videoGrids.size())
      return absl::InvalidArgumentError(
          absl::StrFormat("the prompt places %u images and %u videos, the request has %u and %u",
                          image, video, input.imageGrids.size(), input.videoGrids.size()));
    const bool countsFromMaximum = variant == MropeVariant::D || variant == MropeVariant::E;
    return MropePositions{std::move(positions), (countsFromMaximum ? largest + 1 : next) - tokens};
  }

private:
  bool opensSpan() const {
    const std::int64_t id = input.ids[index];
    return (id == input.imagePadId || id == input.videoPadId) && index > 0 &&
           input.ids[index - 1] == input.visionStartId;
  }

  void emit(std::int64_t t, std::int64_t h, std::int64_t w) {
    positions[index] = static_cast<std::int32_t>(t);
    positions[tokens + index] = static_cast<std::int32_t>(h);
    positions[2 * tokens + index] = static_cast<std::int32_t>(w);
    largest = std::max({largest, t, h, w});
    ++index;
  }

  absl::Status addSpan() {
    const bool isVideo = input.ids[index] == input.videoPadId;
    const std::size_t number = isVideo ? video++ : image++;
    const auto grids = isVideo ? input.videoGrids : input.imageGrids;
    if (number >= grids.size() || (isVideo && number >= input.secondPerGrid.size()))
      return absl::InvalidArgumentError(
          absl::StrFormat("the prompt places more %ss than the request has (%u)",
                          isVideo ? "video" : "image", grids.size()));
    const Grid &grid = grids[number];
    const std::int64_t rows = grid.h / input.mergeSize;
    const std::int64_t columns = grid.w / input.mergeSize;
    if (grid.t * rows * columns > tokens - index)
      return absl::InvalidArgumentError(
          "a placeholder span of the prompt is shorter than its medium");
    const TemporalOffset offset(variant, isVideo ? input.secondPerGrid[number] : 0.0,
                                input.tokensPerSecond);
    // The last frame lies furthest. Half of the range is left for the text that follows.
    if (!(static_cast<double>(next) + offset.of(grid.t - 1) < kMaxPosition))
      return absl::InvalidArgumentError(
          "the frame rate of a video is too low: its positions overflow");
    addGrid(grid.t, rows, columns, offset);
    return absl::OkStatus();
  }

  void addGrid(std::int64_t frames, std::int64_t rows, std::int64_t columns,
               const TemporalOffset &offset) {
    const std::int64_t base = next;
    for (std::int64_t f = 0; f < frames; ++f) {
      const std::int64_t t = base + static_cast<std::int64_t>(offset.of(f));
      for (std::int64_t y = 0; y < rows; ++y)
        for (std::int64_t x = 0; x < columns; ++x)
          emit(t, base + y, base + x);
    }
    const bool ignoresTime = variant == MropeVariant::D || variant == MropeVariant::E;
    next = ignoresTime ? base + std::max(rows, columns) : largest + 1;
  }

  const MropeInput &input;
  MropeVariant variant;
  std::int64_t tokens;
  std::vector<std::int32_t> positions;
  std::int64_t index = 0;
  std::int64_t next = 0;
  std::int64_t largest = -1;
  std::size_t image = 0;
  std::size_t video = 0;
};

} // namespace

absl::StatusOr<MropePositions> planPositions(const MropeInput &input, MropeVariant variant) {
  return PositionPlanner(input, variant).plan();
}

} // namespace qvlrt
