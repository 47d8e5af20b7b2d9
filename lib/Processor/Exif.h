// EXIF orientation: found in a file's metadata, applied to pixels.
#pragma once

#include <string_view>

#include "qvlrt/image.h"

namespace qvlrt {

/// The orientation tag (1 to 8) of an EXIF block: a TIFF header, optionally after "Exif\0\0".
/// Anything malformed or missing is 1, as a picture without metadata.
int exifOrientation(std::string_view exif);

/// The size of a picture after its orientation is applied: 5 to 8 swap the sides.
ImageSize orientedSize(ImageSize size, int orientation);

/// Applies an orientation (the model specification, section 4.1).
Image applyOrientation(Image image, int orientation);

} // namespace qvlrt
