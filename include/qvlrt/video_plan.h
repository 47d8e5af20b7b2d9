// Which frames of a video are taken, and their pixel limit.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"

namespace qvlrt {

/// What a caller may ask for; at most one of `fps` and `frameCount`.
struct VideoSampling {
  std::optional<double> fps; ///< default 2
  std::optional<std::int64_t> frameCount;
  std::int64_t minFrames = 4;
  std::optional<std::int64_t> maxFrames; ///< default min(768, frames of the video)
};

/// The frames to take (the model specification, sections 5.1 to 5.3).
struct FramePlan {
  std::vector<std::int64_t> indices; ///< an even number of them, ascending
  double sampleFps = 0;              ///< of the taken frames
  double secondPerGrid = 0;          ///< seconds between temporal patches
  std::int64_t maxPixels = 0;        ///< limit of one frame for smartResize
};

/// Plans the sampling of a video of `totalFrames` at `fps`. Errors: InvalidArgument when fps and
/// frameCount are both given or no even number of frames fits.
absl::StatusOr<FramePlan> planFrames(std::int64_t totalFrames, double fps,
                                     const VideoSampling &sampling = {});

} // namespace qvlrt
