// Bicubic resampling of 8-bit pictures, bit for bit as the references do it.
#pragma once

#include "absl/status/statusor.h"
#include "qvlrt/image.h"

namespace qvlrt {

/// Which reference is followed (the model specification, sections 4.3 and 4.4).
enum class ResizeMode {
  Pillow,   ///< canonical: 22-bit weights, horizontal pass first
  Pillow13, ///< the same weights; vertical pass first when the height shrinks most, as Pillow 13
            ///< does
  Fast,     ///< 16-bit weights, as torchvision does on the CPU for u8
  Float     ///< both passes in f32, rounded once, as torchvision does for f32
};

/// Resamples `image` to `size`. A dimension that does not change is not resampled. Errors:
/// InvalidArgument for an empty input or output.
absl::StatusOr<Image> resizeBicubic(const Image &image, ImageSize size,
                                    ResizeMode mode = ResizeMode::Pillow);

} // namespace qvlrt
