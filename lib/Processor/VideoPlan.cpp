#include "qvlrt/video_plan.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_format.h"

namespace qvlrt {
namespace {

constexpr double kDefaultFps = 2.0;
constexpr std::int64_t kFrameFactor = 2;
constexpr std::int64_t kMaxFrames = 768;
constexpr double kMinFramePixels = 128 * 28 * 28;
constexpr double kMaxFramePixels = 768 * 28 * 28;
constexpr double kTotalPixels = 128000 * 28 * 28 * 0.9;

/// The number of frames to take, before the check that it is possible (section 5.1). May be
/// fractional garbage only for rates that are no numbers, which the caller refuses.
double frameCount(double total, double fps, const VideoSampling &sampling) {
  const double factor = kFrameFactor;
  if (sampling.frameCount)
    return std::nearbyint(static_cast<double>(*sampling.frameCount) / factor) * factor;
  const double low = std::ceil(static_cast<double>(sampling.minFrames) / factor) * factor;
  const double limit = sampling.maxFrames ? static_cast<double>(*sampling.maxFrames)
                                          : std::min<double>(kMaxFrames, total);
  const double high = std::floor(std::min(limit, total) / factor) * factor;
  const double wanted = total / fps * sampling.fps.value_or(kDefaultFps);
  return std::floor(std::min(std::min(std::max(wanted, low), high), total) / factor) * factor;
}

/// `count` points from 0 to `last`, evenly spaced in f32 and rounded half to even (section 5.2).
/// The second half counts from the end, and each value is rounded once, as the reference's linspace
/// does.
std::vector<std::int64_t> spreadIndices(std::int64_t last, std::int64_t count) {
  const auto end = static_cast<float>(last);
  const float step = end / static_cast<float>(count - 1);
  std::vector<std::int64_t> indices;
  for (std::int64_t i = 0; i < count; ++i) {
    const float value = i < count / 2 ? step * static_cast<float>(i)
                                      : std::fma(-step, static_cast<float>(count - 1 - i), end);
    indices.push_back(static_cast<std::int64_t>(std::nearbyint(value)));
  }
  return indices;
}

/// Pixel limit of one frame out of `count` (section 5.3).
std::int64_t framePixels(double count) {
  const double share = std::min(kMaxFramePixels, kTotalPixels / count * kFrameFactor);
  return static_cast<std::int64_t>(std::max(share, std::trunc(kMinFramePixels * 1.05)));
}

} // namespace

absl::StatusOr<FramePlan> planFrames(std::int64_t totalFrames, double fps,
                                     const VideoSampling &sampling) {
  if (sampling.fps && sampling.frameCount)
    return absl::InvalidArgumentError("a frame rate and a number of frames exclude each other");
  if (!(fps > 0) || !std::isfinite(fps) ||
      (sampling.fps && (!(*sampling.fps > 0) || !std::isfinite(*sampling.fps))))
    return absl::InvalidArgumentError("a frame rate must be a number above 0");
  const auto total = static_cast<double>(totalFrames);
  const double count = frameCount(total, fps, sampling);
  if (!(count >= kFrameFactor && count <= total))
    return absl::InvalidArgumentError(absl::StrFormat(
        "%.0f frames cannot be taken from a video of %d: between 2 and all of them are possible",
        count, totalFrames));
  FramePlan plan;
  plan.indices = spreadIndices(totalFrames - 1, static_cast<std::int64_t>(count));
  plan.sampleFps = count / total * fps;
  plan.secondPerGrid = kFrameFactor / plan.sampleFps;
  plan.maxPixels = framePixels(count);
  return plan;
}

} // namespace qvlrt
