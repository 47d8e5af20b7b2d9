// Order and segments of the rows inside the vision encoder.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "qvlrt/patchify.h"

namespace qvlrt {

/// The window order of one call of the vision encoder (the model specification, section 6.3). M =
/// patches / mergeSize^2.
struct WindowPlan {
  std::vector<std::int64_t> windowIndex; ///< [M], a permutation of groups of mergeSize^2 rows
  std::vector<std::int32_t>
      cuWindowSeqlens; ///< segment bounds of windowed blocks, in patches, from 0 to P
  std::vector<std::int32_t>
      cuSeqlens; ///< segment bounds of full blocks (one frame each), in patches
};

/// Plans the windows of `windowSize` pixels a side. Errors: InvalidArgument for a grid with an odd
/// side or no patches, OutOfRange for more patches than 32-bit offsets hold.
absl::StatusOr<WindowPlan> planWindows(std::span<const Grid> grids, const PatchLayout &layout,
                                       std::int64_t windowSize);

/// Row and column of every patch, i32 [2, P], in the order of the patch rows (section 6.2).
std::vector<std::int32_t> visionPositions(std::span<const Grid> grids, const PatchLayout &layout);

} // namespace qvlrt
