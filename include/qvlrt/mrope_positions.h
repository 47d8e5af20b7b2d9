// The three-axis positions of the language model.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "qvlrt/patchify.h"

namespace qvlrt {

/// Which release's positions of videos are produced (the model specification, section 0).
enum class MropeVariant {
  A, ///< canonical: fractional steps truncated per frame
  B, ///< the step truncated first
  D, ///< as B; what follows a medium starts at base + max(h, w) / merge
  E  ///< as D, with fractional steps
};

/// Ids and media of one prompt.
struct MropeInput {
  std::span<const std::int64_t> ids; ///< [T], placeholders expanded
  std::int64_t visionStartId;
  std::int64_t imagePadId;
  std::int64_t videoPadId;
  std::span<const Grid> imageGrids;
  std::span<const Grid> videoGrids;
  std::span<const double> secondPerGrid; ///< of each video
  double tokensPerSecond;
  std::int64_t mergeSize;
};

/// Positions of the prompt, and what the generated tokens add to their index.
struct MropePositions {
  std::vector<std::int32_t> positions; ///< [3, T]: temporal, height, width
  std::int64_t delta = 0;              ///< position of the j-th generated token = T + j + delta
};

/// Plans the positions (section 7.2). Errors: InvalidArgument when spans and grids disagree.
absl::StatusOr<MropePositions> planPositions(const MropeInput &input,
                                             MropeVariant variant = MropeVariant::A);

} // namespace qvlrt
