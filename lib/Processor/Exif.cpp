#include "Exif.h"

#include <algorithm>
#include <cstdint>
#include <optional>

namespace qvlrt {
namespace {

constexpr std::uint16_t kOrientationTag = 0x0112;
constexpr std::uint16_t kShort = 3;
constexpr std::uint16_t kLong = 4;
constexpr std::size_t kEntryBytes = 12;

/// Bounds-checked integers of a TIFF structure in its byte order.
class TiffReader {
public:
  static std::optional<TiffReader> open(std::string_view tiff) {
    if (tiff.substr(0, 2) == "II")
      return TiffReader(tiff, false);
    if (tiff.substr(0, 2) == "MM")
      return TiffReader(tiff, true);
    return std::nullopt;
  }

  std::optional<std::uint32_t> read(std::size_t offset, int bytes) const {
    if (offset > tiff.size() || tiff.size() - offset < static_cast<std::size_t>(bytes))
      return std::nullopt;
    std::uint32_t value = 0;
    for (int i = 0; i < bytes; ++i) {
      const int at = bigEndian ? i : bytes - 1 - i;
      value = value << 8 | static_cast<unsigned char>(tiff[offset + at]);
    }
    return value;
  }

private:
  TiffReader(std::string_view tiff, bool bigEndian) : tiff(tiff), bigEndian(bigEndian) {}
  std::string_view tiff;
  bool bigEndian;
};

/// The value of the orientation entry of the first directory.
std::optional<std::uint32_t> findOrientation(const TiffReader &tiff) {
  const auto directory = tiff.read(4, 4);
  const auto entries = directory ? tiff.read(*directory, 2) : std::nullopt;
  if (!entries)
    return std::nullopt;
  for (std::size_t i = 0; i < *entries; ++i) {
    const std::size_t entry = std::size_t{*directory} + 2 + i * kEntryBytes;
    const auto tag = tiff.read(entry, 2);
    if (!tag)
      return std::nullopt;
    if (*tag != kOrientationTag)
      continue;
    const auto type = tiff.read(entry + 2, 2);
    if (type != kShort && type != kLong)
      return std::nullopt;
    return tiff.read(entry + 8, *type == kShort ? 2 : 4);
  }
  return std::nullopt;
}

/// Where pixel (0, 0) of the result lies in the source, and what one step right or down in the
/// result means there.
struct SourceWalk {
  std::int64_t start;
  std::int64_t perColumn;
  std::int64_t perRow;
};

SourceWalk sourceWalk(ImageSize size, int orientation) {
  const bool transposed = orientation >= 5;
  const bool fromRight =
      orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
  const bool fromBottom =
      orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
  const std::int64_t column = fromRight ? -3 : 3;
  const std::int64_t row = (fromBottom ? -3 : 3) * size.width;
  const std::int64_t start =
      3 * ((fromBottom ? size.height - 1 : 0) * size.width + (fromRight ? size.width - 1 : 0));
  return transposed ? SourceWalk{start, row, column} : SourceWalk{start, column, row};
}

} // namespace

int exifOrientation(std::string_view exif) {
  constexpr std::string_view kPrefix("Exif\0\0", 6);
  if (exif.substr(0, kPrefix.size()) == kPrefix)
    exif.remove_prefix(kPrefix.size());
  const auto tiff = TiffReader::open(exif);
  const auto orientation = tiff ? findOrientation(*tiff) : std::nullopt;
  return orientation && *orientation >= 1 && *orientation <= 8 ? static_cast<int>(*orientation) : 1;
}

ImageSize orientedSize(ImageSize size, int orientation) {
  if (orientation >= 5)
    std::swap(size.height, size.width);
  return size;
}

Image applyOrientation(Image image, int orientation) {
  if (orientation == 1)
    return image;
  const SourceWalk walk = sourceWalk(image.size, orientation);
  Image out{orientedSize(image.size, orientation), std::vector<std::uint8_t>(image.pixels.size())};
  // Square tiles keep both sides of a transposition in the cache.
  constexpr std::int64_t kTile = 32;
  for (std::int64_t tileY = 0; tileY < out.size.height; tileY += kTile)
    for (std::int64_t tileX = 0; tileX < out.size.width; tileX += kTile)
      for (std::int64_t y = tileY; y < std::min(tileY + kTile, out.size.height); ++y)
        for (std::int64_t x = tileX; x < std::min(tileX + kTile, out.size.width); ++x)
          std::copy_n(image.pixels.data() + walk.start + y * walk.perRow + x * walk.perColumn, 3,
                      out.pixels.data() + 3 * (y * out.size.width + x));
  return out;
}

} // namespace qvlrt
