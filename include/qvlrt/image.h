// Pictures in memory and the decoders of JPEG, PNG and WebP.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace qvlrt {

/// Height and width in pixels.
struct ImageSize {
  std::int64_t height = 0;
  std::int64_t width = 0;
  friend bool operator==(const ImageSize &, const ImageSize &) = default;
};

/// A picture: RGB, 8 bits a channel, rows without padding.
struct Image {
  ImageSize size;
  std::vector<std::uint8_t> pixels; ///< [height][width][3]
};

/// What becomes of an alpha channel.
enum class AlphaMode {
  Drop, ///< the colour is kept as it is
  White ///< composited over white
};

/// How to load a picture. The limits are checked against the header, before anything is decoded.
struct ImageLimits {
  std::int64_t maxPixels = std::int64_t{1} << 28; ///< 268 megapixels: 805 MB of RGB
  std::uint64_t maxFileBytes = std::uint64_t{1} << 30;
};

/// The size in the header, after EXIF orientation, without decoding pixels. `name` stands in
/// messages. Errors as decodeImage.
absl::StatusOr<ImageSize> imageSize(std::string_view bytes, std::string_view name,
                                    const ImageLimits &limits = {});

/// Decodes JPEG, PNG or WebP, told apart by their first bytes, applies the EXIF orientation and
/// converts to RGB as the reference does (the model specification, section 4.1). Errors:
/// InvalidArgument for a file that is no picture, is damaged or truncated, or exceeds a limit.
absl::StatusOr<Image> decodeImage(std::string_view bytes, std::string_view name,
                                  AlphaMode alpha = AlphaMode::Drop,
                                  const ImageLimits &limits = {});

/// Reads a whole regular file. Errors: NotFound, InvalidArgument (no regular file, too large),
/// Unavailable.
absl::StatusOr<std::string> readMediaFile(const std::string &path, std::uint64_t maxBytes);

} // namespace qvlrt
