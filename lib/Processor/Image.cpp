#include "qvlrt/image.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "Exif.h"
#include "ImageCodecs.h"
#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace qvlrt {
namespace {

constexpr const ImageCodec *kCodecs[] = {&kJpegCodec, &kPngCodec, &kWebpCodec};

/// A status with the file's name in front.
absl::Status named(std::string_view name, const absl::Status &status) {
  return absl::Status(status.code(),
                      absl::StrFormat("%s: %s", std::string(name), status.message()));
}

absl::StatusOr<const ImageCodec *> findCodec(std::string_view bytes) {
  for (const ImageCodec *codec : kCodecs)
    if (codec->recognizes(bytes))
      return codec;
  if (bytes.empty())
    return absl::InvalidArgumentError("the file is empty");
  if (bytes.substr(0, 4) == "GIF8")
    return absl::InvalidArgumentError("GIF pictures are not supported; convert it to PNG");
  return absl::InvalidArgumentError(
      "no JPEG, PNG or WebP picture, whatever its name says; convert it to one of these");
}

absl::Status checkLimits(ImageSize size, const ImageLimits &limits) {
  if (size.height <= 0 || size.width <= 0)
    return absl::InvalidArgumentError(
        absl::StrFormat("the picture is empty (%d x %d)", size.height, size.width));
  if (size.height > limits.maxPixels / size.width)
    return absl::InvalidArgumentError(
        absl::StrFormat("the picture has %d x %d pixels, more than the limit of %d; scale it down",
                        size.height, size.width, limits.maxPixels));
  return absl::OkStatus();
}

struct OpenedImage {
  const ImageCodec *codec;
  ImageHeader header;
};

absl::StatusOr<OpenedImage> openImage(std::string_view bytes, const ImageLimits &limits) {
  absl::StatusOr<const ImageCodec *> codec = findCodec(bytes);
  if (!codec.ok())
    return codec.status();
  absl::StatusOr<ImageHeader> header = (*codec)->readHeader(bytes);
  if (!header.ok())
    return header.status();
  if (absl::Status status = checkLimits(header->size, limits); !status.ok())
    return status;
  return OpenedImage{*codec, *header};
}

} // namespace

absl::StatusOr<ImageSize> imageSize(std::string_view bytes, std::string_view name,
                                    const ImageLimits &limits) {
  absl::StatusOr<OpenedImage> opened = openImage(bytes, limits);
  if (!opened.ok())
    return named(name, opened.status());
  return orientedSize(opened->header.size, opened->header.orientation);
}

absl::StatusOr<Image> decodeImage(std::string_view bytes, std::string_view name, AlphaMode alpha,
                                  const ImageLimits &limits) {
  absl::StatusOr<OpenedImage> opened = openImage(bytes, limits);
  if (!opened.ok())
    return named(name, opened.status());
  absl::StatusOr<Image> image = opened->codec->decode(bytes, alpha);
  if (!image.ok())
    return named(name, image.status());
  return applyOrientation(*std::move(image), opened->header.orientation);
}

absl::StatusOr<std::string> readMediaFile(const std::string &path, std::uint64_t maxBytes) {
  const auto fail = [&] {
    const absl::StatusCode code =
        errno == ENOENT ? absl::StatusCode::kNotFound : absl::StatusCode::kInvalidArgument;
    return absl::Status(code, absl::StrCat(path, ": cannot be read: ", std::strerror(errno)));
  };
  // O_NONBLOCK: opening a named pipe must not hang; it is refused below.
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (file < 0)
    return fail();
  const absl::Cleanup closeFile = [file] { close(file); };
  struct stat info;
  if (fstat(file, &info) != 0)
    return fail();
  if (!S_ISREG(info.st_mode))
    return absl::InvalidArgumentError(absl::StrCat(path, ": is no regular file"));
  if (static_cast<std::uint64_t>(info.st_size) > maxBytes)
    return absl::InvalidArgumentError(absl::StrFormat("%s: has %d bytes, more than the limit of %u",
                                                      path, info.st_size, maxBytes));
  std::string bytes(static_cast<std::size_t>(info.st_size), '\0');
  for (std::size_t done = 0; done < bytes.size();) {
    const ssize_t count = read(file, bytes.data() + done, bytes.size() - done);
    if (count < 0 && errno == EINTR)
      continue;
    if (count < 0)
      return fail();
    if (count == 0)
      bytes.resize(done); // it shrank while being read: the decoder reports what is missing
    done += static_cast<std::size_t>(count);
  }
  return bytes;
}

} // namespace qvlrt
