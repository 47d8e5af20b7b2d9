// PNG by libpng, with the colour rules of the reference (the model specification, section 4.1).
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstring>

#include <png.h>

#include "Exif.h"
#include "ImageCodecs.h"
#include "LongJumpGuard.h"
#include "absl/strings/str_format.h"

namespace qvlrt {
namespace {

constexpr std::string_view kSignature("\x89PNG\r\n\x1A\n", 8);

/// Owns the state of one decoding. setjmp must be called in the frame that then calls libpng, so
/// the callers do.
struct PngReader {
  explicit PngReader(std::string_view bytes) : rest(bytes) {
    png = png_create_read_struct(PNG_LIBPNG_VER_STRING, this, onError, onWarning);
    if (png)
      info = png_create_info_struct(png);
  }
  ~PngReader() { png_destroy_read_struct(&png, &info, nullptr); }
  PngReader(const PngReader &) = delete;

  void readHeader() {
    png_set_read_fn(png, this, onRead);
    png_set_user_limits(png, PNG_UINT_31_MAX, PNG_UINT_31_MAX); // the caller has its own limit
    png_read_info(png, info);
  }

  ImageSize size() const {
    return {png_get_image_height(png, info), png_get_image_width(png, info)};
  }

  absl::Status failure() const {
    return absl::InvalidArgumentError(absl::StrFormat("damaged or truncated PNG (%s)", message));
  }

  [[noreturn]] static void onError(png_structp png, png_const_charp text) {
    PngReader &reader = *static_cast<PngReader *>(png_get_error_ptr(png));
    std::snprintf(reader.message, sizeof reader.message, "%s", text);
    png_longjmp(png, 1);
  }
  static void onWarning(png_structp, png_const_charp) {}
  static void onRead(png_structp png, png_bytep out, png_size_t count) {
    PngReader &reader = *static_cast<PngReader *>(png_get_io_ptr(png));
    if (count > reader.rest.size())
      png_error(png, "the file ends early");
    std::memcpy(out, reader.rest.data(), count);
    reader.rest.remove_prefix(count);
  }

  std::string_view rest;
  png_structp png = nullptr;
  png_infop info = nullptr;
  char message[128] = "";
};

bool recognizes(std::string_view bytes) { return bytes.substr(0, kSignature.size()) == kSignature; }

std::uint32_t bigEndian(std::string_view four) {
  std::uint32_t value = 0;
  for (char byte : four)
    value = value << 8 | static_cast<unsigned char>(byte);
  return value;
}

/// The content of the eXIf chunk, which may also stand behind the pixels; empty without one.
std::string_view findExif(std::string_view bytes) {
  constexpr std::size_t kFrame = 12; // length, type, checksum
  bytes.remove_prefix(kSignature.size());
  while (bytes.size() >= kFrame) {
    const std::size_t length = bigEndian(bytes.substr(0, 4));
    if (length > bytes.size() - kFrame)
      return {};
    if (bytes.substr(4, 4) == "eXIf")
      return bytes.substr(8, length);
    bytes.remove_prefix(kFrame + length);
  }
  return {};
}

absl::StatusOr<ImageHeader> readHeader(std::string_view bytes) {
  PngReader reader(bytes);
  if (!reader.info)
    return absl::ResourceExhaustedError("libpng is out of memory");
  if (!runGuarded(png_jmpbuf(reader.png), [&] { reader.readHeader(); }))
    return reader.failure();
  return ImageHeader{reader.size(), exifOrientation(findExif(bytes))};
}

/// How the rows come out of libpng.
enum class RowForm { Rgb, Rgba, Grey16 };

/// Asks libpng for RGB or RGBA, 8 bits. Palette and colour-key transparency are ignored; 16-bit
/// colour keeps its high byte, while 16-bit grey is clamped afterwards, so it stays 16-bit here.
RowForm configure(png_structp png, png_infop info, AlphaMode alpha) {
  const int type = png_get_color_type(png, info);
  const int depth = png_get_bit_depth(png, info);
  if (type == PNG_COLOR_TYPE_GRAY && depth == 16)
    return RowForm::Grey16;
  if (type == PNG_COLOR_TYPE_PALETTE)
    png_set_palette_to_rgb(png);
  if (type == PNG_COLOR_TYPE_GRAY)
    png_set_expand_gray_1_2_4_to_8(png);
  if (!(type & PNG_COLOR_MASK_COLOR))
    png_set_gray_to_rgb(png);
  if (depth == 16)
    png_set_strip_16(png);
  const bool composite = alpha == AlphaMode::White && (type & PNG_COLOR_MASK_ALPHA);
  if (!composite)
    png_set_strip_alpha(png);
  return composite ? RowForm::Rgba : RowForm::Rgb;
}

void clampGrey16(const std::vector<std::uint8_t> &raw, std::vector<std::uint8_t> &rgb) {
  for (std::size_t i = 0; i < raw.size() / 2; ++i)
    std::fill_n(rgb.data() + 3 * i, 3, raw[2 * i] ? 255 : raw[2 * i + 1]);
}

absl::StatusOr<Image> decode(std::string_view bytes, AlphaMode alpha) {
  PngReader reader(bytes);
  if (!reader.info)
    return absl::ResourceExhaustedError("libpng is out of memory");
  RowForm form = RowForm::Rgb;
  std::size_t rowBytes = 0;
  const auto prepare = [&] {
    reader.readHeader();
    form = configure(reader.png, reader.info, alpha);
    png_set_interlace_handling(reader.png);
    png_read_update_info(reader.png, reader.info);
    rowBytes = png_get_rowbytes(reader.png, reader.info);
  };
  if (!runGuarded(png_jmpbuf(reader.png), prepare))
    return reader.failure();

  const auto height = static_cast<std::size_t>(reader.size().height);
  const auto pixels = height * static_cast<std::size_t>(reader.size().width);
  Image image{reader.size(), std::vector<std::uint8_t>(3 * pixels)};
  std::vector<std::uint8_t> raw(form == RowForm::Rgb ? 0 : height * rowBytes);
  std::uint8_t *target = form == RowForm::Rgb ? image.pixels.data() : raw.data();
  std::vector<png_bytep> rows;
  for (std::size_t y = 0; y < height; ++y)
    rows.push_back(target + y * rowBytes);
  if (!runGuarded(png_jmpbuf(reader.png), [&] { png_read_image(reader.png, rows.data()); }))
    return reader.failure();
  if (form == RowForm::Rgba)
    compositeOverWhite(raw.data(), image.pixels.data(), pixels);
  if (form == RowForm::Grey16)
    clampGrey16(raw, image.pixels);
  return image;
}

} // namespace

const ImageCodec kPngCodec = {"PNG", recognizes, readHeader, decode};

void compositeOverWhite(const std::uint8_t *rgba, std::uint8_t *rgb, std::size_t pixels) {
  for (std::size_t i = 0; i < pixels; ++i) {
    const int alpha = rgba[4 * i + 3];
    for (int c = 0; c < 3; ++c) {
      const int t = rgba[4 * i + c] * alpha + 255 * (255 - alpha) + 128;
      rgb[3 * i + c] = static_cast<std::uint8_t>((t + (t >> 8)) >> 8);
    }
  }
}

} // namespace qvlrt
