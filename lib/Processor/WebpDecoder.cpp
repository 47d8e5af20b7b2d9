// WebP by libwebp.
#include <webp/decode.h>

#include "Exif.h"
#include "ImageCodecs.h"

namespace qvlrt {
namespace {

const std::uint8_t *data(std::string_view bytes) {
  return reinterpret_cast<const std::uint8_t *>(bytes.data());
}

bool recognizes(std::string_view bytes) {
  return bytes.substr(0, 4) == "RIFF" &&
         bytes.substr(8 < bytes.size() ? 8 : bytes.size(), 4) == "WEBP";
}

/// The content of the EXIF chunk of a RIFF file; empty without one.
std::string_view findExif(std::string_view bytes) {
  constexpr std::size_t kRiffHeader = 12;
  constexpr std::size_t kChunkHeader = 8;
  bytes.remove_prefix(std::min(kRiffHeader, bytes.size()));
  while (bytes.size() >= kChunkHeader) {
    std::size_t length = 0;
    for (int i = 7; i >= 4; --i)
      length = length << 8 | static_cast<unsigned char>(bytes[i]);
    if (length > bytes.size() - kChunkHeader)
      return {};
    if (bytes.substr(0, 4) == "EXIF")
      return bytes.substr(kChunkHeader, length);
    const std::size_t padded = length + (length & 1);
    bytes.remove_prefix(std::min(kChunkHeader + padded, bytes.size()));
  }
  return {};
}

absl::StatusOr<ImageHeader> readHeader(std::string_view bytes) {
  WebPBitstreamFeatures features;
  if (WebPGetFeatures(data(bytes), bytes.size(), &features) != VP8_STATUS_OK)
    return absl::InvalidArgumentError("damaged or truncated WebP");
  if (features.has_animation)
    return absl::InvalidArgumentError("animated WebP is not supported; extract its frames");
  return ImageHeader{{features.height, features.width}, exifOrientation(findExif(bytes))};
}

absl::StatusOr<Image> decode(std::string_view bytes, AlphaMode alpha) {
  WebPBitstreamFeatures features;
  if (WebPGetFeatures(data(bytes), bytes.size(), &features) != VP8_STATUS_OK)
    return absl::InvalidArgumentError("damaged or truncated WebP");
  const bool composite = alpha == AlphaMode::White && features.has_alpha;
  const std::size_t pixels = static_cast<std::size_t>(features.height) * features.width;
  Image image{{features.height, features.width}, std::vector<std::uint8_t>(3 * pixels)};
  std::vector<std::uint8_t> rgba(composite ? 4 * pixels : 0);
  const std::uint8_t *done = composite
                                 ? WebPDecodeRGBAInto(data(bytes), bytes.size(), rgba.data(),
                                                      rgba.size(), 4 * features.width)
                                 : WebPDecodeRGBInto(data(bytes), bytes.size(), image.pixels.data(),
                                                     image.pixels.size(), 3 * features.width);
  if (!done)
    return absl::InvalidArgumentError("damaged or truncated WebP");
  if (composite)
    compositeOverWhite(rgba.data(), image.pixels.data(), pixels);
  return image;
}

} // namespace

const ImageCodec kWebpCodec = {"WebP", recognizes, readHeader, decode};

} // namespace qvlrt
