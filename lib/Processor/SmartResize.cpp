#include "qvlrt/smart_resize.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_format.h"

namespace qvlrt {
namespace {

constexpr double kMaxAspectRatio = 200;

absl::Status checkArguments(ImageSize size, std::int64_t factor, std::int64_t minPixels,
                            std::int64_t maxPixels) {
  if (size.height <= 0 || size.width <= 0)
    return absl::InvalidArgumentError(
        absl::StrFormat("the picture is empty (%d x %d)", size.height, size.width));
  if (factor <= 0 || minPixels <= 0 || maxPixels < minPixels)
    return absl::InvalidArgumentError(absl::StrFormat(
        "the pixel limits %d to %d are no range of positive numbers", minPixels, maxPixels));
  const double ratio = static_cast<double>(std::max(size.height, size.width)) /
                       static_cast<double>(std::min(size.height, size.width));
  if (ratio > kMaxAspectRatio)
    return absl::InvalidArgumentError(absl::StrFormat(
        "the picture's sides (%d x %d) differ by more than a factor of 200; crop it", size.height,
        size.width));
  return absl::OkStatus();
}

} // namespace

absl::StatusOr<ImageSize> smartResize(ImageSize size, std::int64_t factor, std::int64_t minPixels,
                                      std::int64_t maxPixels, SmartResizeForm form) {
  if (absl::Status status = checkArguments(size, factor, minPixels, maxPixels); !status.ok())
    return status;
  // All in f64 and in the order of the reference, whose rounding decides at the borders. nearbyint
  // rounds half to even.
  const auto h = static_cast<double>(size.height);
  const auto w = static_cast<double>(size.width);
  const auto f = static_cast<double>(factor);
  const bool utils = form == SmartResizeForm::QwenVlUtils;
  double height = std::max(std::nearbyint(h / f) * f, utils ? f : 0.0);
  double width = std::max(std::nearbyint(w / f) * f, utils ? f : 0.0);
  if (height * width > static_cast<double>(maxPixels)) {
    const double beta = std::sqrt(h * w / static_cast<double>(maxPixels));
    const double smallest = utils ? 0.0 : f;
    height = std::max(smallest, std::floor(h / beta / f) * f);
    width = std::max(smallest, std::floor(w / beta / f) * f);
  } else if (height * width < static_cast<double>(minPixels)) {
    const double beta = std::sqrt(static_cast<double>(minPixels) / (h * w));
    height = std::ceil(h * beta / f) * f;
    width = std::ceil(w * beta / f) * f;
  }
  if (height == 0 || width == 0)
    return absl::InvalidArgumentError(
        absl::StrFormat("a picture of %d x %d cannot be scaled to at most %d pixels", size.height,
                        size.width, maxPixels));
  return ImageSize{static_cast<std::int64_t>(height), static_cast<std::int64_t>(width)};
}

} // namespace qvlrt
