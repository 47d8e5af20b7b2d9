// The size a picture is resized to before it is cut into patches.
#pragma once

#include <cstdint>

#include "absl/status/statusor.h"
#include "qvlrt/image.h"

namespace qvlrt {

/// Which of the two published forms is meant; they differ only at sides of at most 14 pixels and at
/// tiny limits.
enum class SmartResizeForm {
  Transformers, ///< canonical
  QwenVlUtils
};

/// The smallest change of `size` to multiples of `factor` with minPixels <= height * width <=
/// maxPixels, the aspect ratio kept roughly (the model specification, section 4.2). Errors:
/// InvalidArgument for an empty picture, an aspect ratio above 200, or a side that becomes zero.
absl::StatusOr<ImageSize> smartResize(ImageSize size, std::int64_t factor, std::int64_t minPixels,
                                      std::int64_t maxPixels,
                                      SmartResizeForm form = SmartResizeForm::Transformers);

} // namespace qvlrt
