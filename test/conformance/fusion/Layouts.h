// The pictures and videos that fused and traced models are compared on.
#pragma once

#include "qvlrt/patchify.h"

#include <cstdint>
#include <span>
#include <vector>

namespace mlir::qvl::reference {

/// Patches have 14 pixels a side, and four of them, two by two, make a token.
inline constexpr qvlrt::PatchLayout kPatchLayout{14, 2, 2};

/// The media of one call of the vision tower.
struct Layout {
  const char *name;
  int64_t windowSize;              ///< pixels: 56, 112 or 168 are 2, 4 or 6 tokens a side
  std::vector<qvlrt::Grid> images; ///< one of images and videos is empty
  std::vector<qvlrt::Grid> videos = {};

  std::span<const qvlrt::Grid> grids() const { return videos.empty() ? images : videos; }
};

/// Single rows and columns, partial windows, exact multiples, several pictures, videos.
std::span<const Layout> layouts();

} // namespace mlir::qvl::reference
