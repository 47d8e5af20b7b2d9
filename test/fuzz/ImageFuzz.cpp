// Pictures: the header and the pixels agree about the size, whatever the bytes are.
#include "qvlrt/image.h"

#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char *>(data), size);
  const qvlrt::ImageLimits limits{.maxPixels = 1 << 20, .maxFileBytes = 1 << 20};
  const absl::StatusOr<qvlrt::ImageSize> header = qvlrt::imageSize(bytes, "fuzz", limits);
  for (qvlrt::AlphaMode alpha : {qvlrt::AlphaMode::Drop, qvlrt::AlphaMode::White}) {
    const absl::StatusOr<qvlrt::Image> image = qvlrt::decodeImage(bytes, "fuzz", alpha, limits);
    if (!image.ok())
      continue;
    const qvlrt::ImageSize pixels = image->size;
    if (!header.ok() || pixels != *header ||
        image->pixels.size() != static_cast<std::size_t>(3 * pixels.height * pixels.width))
      std::abort();
  }
  return 0;
}
