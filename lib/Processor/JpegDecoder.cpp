// JPEG by libjpeg-turbo with its defaults: accurate integer IDCT and fancy chroma upsampling.
#include <cstdio>

#include <jpeglib.h>

#include <jerror.h>

#include "Exif.h"
#include "ImageCodecs.h"
#include "LongJumpGuard.h"
#include "absl/strings/str_format.h"

namespace qvlrt {
namespace {

/// A progressive file may repeat its scans without end; real ones have about ten.
constexpr int kMaxScans = 500;
constexpr int kExifMarker = JPEG_APP0 + 1;

/// libjpeg reports errors through callbacks; `base` comes first so that its address is this
/// object's.
struct JpegErrors {
  jpeg_error_mgr base;
  std::jmp_buf jump;
  char message[JMSG_LENGTH_MAX] = "";
};

JpegErrors &errorsOf(j_common_ptr info) { return *reinterpret_cast<JpegErrors *>(info->err); }

[[noreturn]] void onError(j_common_ptr info) {
  JpegErrors &errors = errorsOf(info);
  errors.base.format_message(info, errors.message);
  std::longjmp(errors.jump, 1);
}

/// Warnings are tolerated as the reference does, except the one for missing data.
void onMessage(j_common_ptr info, int level) {
  if (level >= 0 || info->err->msg_code != JWRN_JPEG_EOF)
    return;
  std::snprintf(errorsOf(info).message, JMSG_LENGTH_MAX, "the file ends early");
  std::longjmp(errorsOf(info).jump, 1);
}

void ignoreOutput(j_common_ptr) {}

void limitScans(j_common_ptr info) {
  const auto *decompress = reinterpret_cast<jpeg_decompress_struct *>(info);
  if (decompress->input_scan_number > kMaxScans) {
    std::snprintf(errorsOf(info).message, JMSG_LENGTH_MAX, "more than %d scans", kMaxScans);
    std::longjmp(errorsOf(info).jump, 1);
  }
}

/// Owns the state of one decompression. Its methods run under runGuarded.
struct JpegDecompressor {
  explicit JpegDecompressor(std::string_view bytes) : bytes(bytes) {
    info.err = jpeg_std_error(&errors.base);
    errors.base.error_exit = onError;
    errors.base.emit_message = onMessage;
    errors.base.output_message = ignoreOutput;
    progress.progress_monitor = limitScans;
  }
  ~JpegDecompressor() { jpeg_destroy_decompress(&info); }
  JpegDecompressor(const JpegDecompressor &) = delete;

  /// Everything up to the first scan.
  void readHeader() {
    jpeg_create_decompress(&info);
    info.progress = &progress;
    jpeg_mem_src(&info, reinterpret_cast<const unsigned char *>(bytes.data()), bytes.size());
    jpeg_save_markers(&info, kExifMarker, 0xFFFF);
    jpeg_read_header(&info, TRUE);
  }

  int orientation() const {
    constexpr std::string_view kExif("Exif\0\0", 6);
    for (const jpeg_marker_struct *marker = info.marker_list; marker; marker = marker->next) {
      const std::string_view data(reinterpret_cast<const char *>(marker->data),
                                  marker->data_length);
      if (marker->marker == kExifMarker && data.substr(0, kExif.size()) == kExif)
        return exifOrientation(data);
    }
    return 1;
  }

  absl::Status failure() const {
    return absl::InvalidArgumentError(
        absl::StrFormat("damaged or unsupported JPEG (%s)", errors.message));
  }

  std::string_view bytes;
  jpeg_decompress_struct info{};
  jpeg_progress_mgr progress{};
  JpegErrors errors;
};

bool recognizes(std::string_view bytes) { return bytes.substr(0, 3) == "\xFF\xD8\xFF"; }

absl::StatusOr<ImageHeader> readHeader(std::string_view bytes) {
  JpegDecompressor jpeg(bytes);
  if (!runGuarded(jpeg.errors.jump, [&] { jpeg.readHeader(); }))
    return jpeg.failure();
  return ImageHeader{{jpeg.info.image_height, jpeg.info.image_width}, jpeg.orientation()};
}

/// One row of CMYK as Pillow converts it: stored inverted, as Adobe does and Pillow assumes of
/// every file.
void cmykRowToRgb(const std::uint8_t *cmyk, std::uint8_t *rgb, std::int64_t width) {
  for (std::int64_t x = 0; x < width; ++x) {
    const int lightness = cmyk[4 * x + 3]; // 255 - K, with K inverted
    for (int c = 0; c < 3; ++c) {
      const int t = (255 - cmyk[4 * x + c]) * lightness + 128;
      const int value = lightness - (((t >> 8) + t) >> 8);
      rgb[3 * x + c] = static_cast<std::uint8_t>(value < 0 ? 0 : value);
    }
  }
}

void decodeRgb(jpeg_decompress_struct &info, Image &image) {
  info.out_color_space = JCS_RGB;
  jpeg_start_decompress(&info);
  while (info.output_scanline < info.output_height) {
    JSAMPROW row = image.pixels.data() + std::size_t{3} * info.output_scanline * info.output_width;
    jpeg_read_scanlines(&info, &row, 1);
  }
}

void decodeCmyk(jpeg_decompress_struct &info, std::vector<std::uint8_t> &cmyk, Image &image) {
  info.out_color_space = JCS_CMYK; // YCCK is converted by libjpeg
  jpeg_start_decompress(&info);
  while (info.output_scanline < info.output_height) {
    std::uint8_t *rgb =
        image.pixels.data() + std::size_t{3} * info.output_scanline * info.output_width;
    JSAMPROW row = cmyk.data();
    jpeg_read_scanlines(&info, &row, 1);
    cmykRowToRgb(cmyk.data(), rgb, info.output_width);
  }
}

absl::StatusOr<Image> decode(std::string_view bytes, AlphaMode) {
  JpegDecompressor jpeg(bytes);
  if (!runGuarded(jpeg.errors.jump, [&] { jpeg.readHeader(); }))
    return jpeg.failure();
  const int components = jpeg.info.num_components;
  if (components != 1 && components != 3 && components != 4)
    return absl::InvalidArgumentError(
        absl::StrFormat("JPEG with %d components is not supported", components));
  Image image{{jpeg.info.image_height, jpeg.info.image_width}, {}};
  image.pixels.resize(std::size_t{3} * jpeg.info.image_height * jpeg.info.image_width);
  std::vector<std::uint8_t> cmyk(std::size_t{4} * jpeg.info.image_width);
  const bool done = runGuarded(jpeg.errors.jump, [&] {
    if (components == 4)
      decodeCmyk(jpeg.info, cmyk, image);
    else
      decodeRgb(jpeg.info, image);
  });
  if (!done)
    return jpeg.failure();
  return image;
}

} // namespace

const ImageCodec kJpegCodec = {"JPEG", recognizes, readHeader, decode};

} // namespace qvlrt
