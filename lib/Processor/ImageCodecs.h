// The decoders behind decodeImage. Each works on the bytes of a whole file and never throws.
#pragma once

#include <string_view>

#include "absl/status/statusor.h"
#include "qvlrt/image.h"

namespace qvlrt {

/// What a header says, before EXIF orientation is applied.
struct ImageHeader {
  ImageSize size;
  int orientation = 1; ///< EXIF, 1 to 8
};

/// One file format.
struct ImageCodec {
  const char *name;
  bool (*recognizes)(std::string_view bytes);
  absl::StatusOr<ImageHeader> (*readHeader)(std::string_view bytes);
  /// Called with a size that passed the limits. Messages do not name the file, the caller does.
  absl::StatusOr<Image> (*decode)(std::string_view bytes, AlphaMode alpha);
};

extern const ImageCodec kJpegCodec;
extern const ImageCodec kPngCodec;
extern const ImageCodec kWebpCodec;

/// RGBA over white, in Pillow's arithmetic. `rgba` has 4 bytes a pixel, `rgb` receives 3.
void compositeOverWhite(const std::uint8_t *rgba, std::uint8_t *rgb, std::size_t pixels);

} // namespace qvlrt
