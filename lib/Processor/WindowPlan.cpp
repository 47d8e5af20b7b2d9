#include "qvlrt/window_plan.h"

#include <algorithm>
#include <limits>

#include "absl/strings/str_format.h"

namespace qvlrt {
namespace {

/// The windows of a sequence of frames, one after the other.
class WindowPlanner {
public:
  WindowPlanner(std::int64_t merge, std::int64_t window) : merge(merge), window(window) {
    plan.cuWindowSeqlens.push_back(0);
    plan.cuSeqlens.push_back(0);
  }

  void addFrame(std::int64_t rows, std::int64_t columns) {
    for (std::int64_t top = 0; top < rows; top += window)
      for (std::int64_t left = 0; left < columns; left += window)
        addWindow(top, std::min(top + window, rows), left, std::min(left + window, columns),
                  columns);
    base += rows * columns;
    plan.cuSeqlens.push_back(patches());
  }

  WindowPlan take() { return std::move(plan); }

private:
  void addWindow(std::int64_t top, std::int64_t bottom, std::int64_t left, std::int64_t right,
                 std::int64_t columns) {
    for (std::int64_t y = top; y < bottom; ++y)
      for (std::int64_t x = left; x < right; ++x)
        plan.windowIndex.push_back(base + y * columns + x);
    plan.cuWindowSeqlens.push_back(patches());
  }

  /// Patches of all groups so far.
  std::int32_t patches() const {
    return static_cast<std::int32_t>(static_cast<std::int64_t>(plan.windowIndex.size()) * merge *
                                     merge);
  }

  std::int64_t merge;
  std::int64_t window; // in language tokens a side
  std::int64_t base = 0;
  WindowPlan plan;
};

absl::Status checkGrids(std::span<const Grid> grids, std::int64_t merge) {
  constexpr std::int64_t kMaxPatches = std::numeric_limits<std::int32_t>::max();
  std::int64_t total = 0;
  for (const Grid &grid : grids) {
    if (grid.t <= 0 || grid.h <= 0 || grid.w <= 0 || grid.h % merge != 0 || grid.w % merge != 0)
      return absl::InvalidArgumentError(
          absl::StrFormat("the grid %d x %d x %d is empty or its sides are no multiples of %d",
                          grid.t, grid.h, grid.w, merge));
    if (grid.h > kMaxPatches / grid.w || grid.t > kMaxPatches / (grid.h * grid.w) ||
        grid.patches() > kMaxPatches - total)
      return absl::OutOfRangeError("the media of one request have more than 2147483647 patches");
    total += grid.patches();
  }
  return absl::OkStatus();
}

} // namespace

absl::StatusOr<WindowPlan> planWindows(std::span<const Grid> grids, const PatchLayout &layout,
                                       std::int64_t windowSize) {
  const std::int64_t window = windowSize / layout.mergeSize / layout.patchSize;
  if (window <= 0)
    return absl::InvalidArgumentError(
        absl::StrFormat("a window of %d pixels is smaller than one token", windowSize));
  if (absl::Status status = checkGrids(grids, layout.mergeSize); !status.ok())
    return status;
  WindowPlanner planner(layout.mergeSize, window);
  for (const Grid &grid : grids)
    for (std::int64_t frame = 0; frame < grid.t; ++frame)
      planner.addFrame(grid.h / layout.mergeSize, grid.w / layout.mergeSize);
  return planner.take();
}

std::vector<std::int32_t> visionPositions(std::span<const Grid> grids, const PatchLayout &layout) {
  std::vector<std::int32_t> rows;
  std::vector<std::int32_t> columns;
  const std::int64_t merge = layout.mergeSize;
  const auto addBlock = [&](std::int64_t top, std::int64_t left) {
    for (std::int64_t y = top; y < top + merge; ++y)
      for (std::int64_t x = left; x < left + merge; ++x) {
        rows.push_back(static_cast<std::int32_t>(y));
        columns.push_back(static_cast<std::int32_t>(x));
      }
  };
  for (const Grid &grid : grids)
    for (std::int64_t frame = 0; frame < grid.t; ++frame)
      for (std::int64_t top = 0; top < grid.h; top += merge)
        for (std::int64_t left = 0; left < grid.w; left += merge)
          addBlock(top, left);
  rows.insert(rows.end(), columns.begin(), columns.end());
  return rows;
}

} // namespace qvlrt
