#include "MediaLoader.h"

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "qvlrt/smart_resize.h"

namespace qvlrt {
namespace {

namespace fs = std::filesystem;

constexpr double kDefaultFps = 2.0;

/// The bytes of a picture: those of the message, or of its file (kept in `storage`).
absl::StatusOr<std::string_view> pictureBytes(const PictureSource &source, std::uint64_t maxBytes,
                                              std::string &storage) {
  if (source.path.empty())
    return std::string_view(source.bytes);
  absl::StatusOr<std::string> bytes = readMediaFile(source.path, maxBytes);
  if (!bytes.ok())
    return bytes.status();
  storage = *std::move(bytes);
  return std::string_view(storage);
}

/// Order of file names in which numbers count by value: frame-2 before frame-10.
bool naturalLess(std::string_view a, std::string_view b) {
  std::size_t i = 0, j = 0;
  while (i < a.size() && j < b.size()) {
    if (!absl::ascii_isdigit(a[i]) || !absl::ascii_isdigit(b[j])) {
      if (a[i] != b[j])
        return a[i] < b[j];
      ++i, ++j;
      continue;
    }
    const auto number = [](std::string_view text, std::size_t &at) {
      const std::size_t first = std::min(text.find_first_not_of('0', at), text.size());
      at = std::min(text.find_first_not_of("0123456789", first), text.size());
      return text.substr(first, at - first);
    };
    const std::string_view left = number(a, i);
    const std::string_view right = number(b, j);
    if (left != right)
      return left.size() != right.size() ? left.size() < right.size() : left < right;
  }
  return a.size() - i < b.size() - j || (a.size() - i == b.size() - j && a < b);
}

/// All regular files of a folder that are not hidden, in natural order of their names.
absl::StatusOr<std::vector<PictureSource>> listFrames(const std::string &folder) {
  std::error_code error;
  std::vector<std::string> paths;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error))
    if (it->is_regular_file(error) && it->path().filename().string().front() != '.')
      paths.push_back(it->path().string());
  if (error)
    return absl::InvalidArgumentError(
        absl::StrCat(folder, ": cannot be listed: ", error.message()));
  if (paths.empty())
    return absl::InvalidArgumentError(absl::StrCat(folder, ": the folder holds no frames"));
  std::sort(paths.begin(), paths.end(), naturalLess);
  std::vector<PictureSource> frames;
  for (std::string &path : paths)
    frames.push_back({path, path, ""});
  return frames;
}

/// Replaces the path of a video by its frames.
absl::Status resolveVideo(MediaSource &source) {
  if (source.videoPath.empty())
    return absl::OkStatus();
  std::error_code error;
  const fs::file_status status = fs::status(source.videoPath, error);
  if (!fs::exists(status))
    return absl::NotFoundError(absl::StrCat(source.videoPath, ": no such file or folder"));
  if (!fs::is_directory(status))
    return absl::UnimplementedError(absl::StrCat(
        source.videoPath,
        ": video files are not supported yet; give a folder of frames or a list of frames"));
  absl::StatusOr<std::vector<PictureSource>> frames = listFrames(source.videoPath);
  if (!frames.ok())
    return frames.status();
  source.frames = *std::move(frames);
  return absl::OkStatus();
}

} // namespace

MediaLoader::MediaLoader(const qvlfmt::ProcessorFacts &facts, const ProcessorOptions &options)
    : layout(patchLayout(facts)), options(options),
      modelLimits{facts.min_pixels(), facts.max_pixels()},
      table(makeNormalizationTable(facts, options.normalizeMode)) {}

MediaLoader::PixelLimits MediaLoader::limitsOf(const MediaSource &source) const {
  const std::optional<std::int64_t> least =
      options.minPixels ? options.minPixels : source.minPixels;
  const std::optional<std::int64_t> most = options.maxPixels ? options.maxPixels : source.maxPixels;
  PixelLimits limits = {least.value_or(modelLimits.least), most.value_or(modelLimits.most)};
  // A limit given alone moves the other one out of its way.
  if (most && !least)
    limits.least = std::min(limits.least, limits.most);
  if (least && !most)
    limits.most = std::max(limits.least, limits.most);
  return limits;
}

absl::StatusOr<MediaItem> MediaLoader::plan(MediaSource &source) const {
  if (absl::Status status = resolveVideo(source); !status.ok())
    return status;
  if (source.frames.empty())
    return absl::InvalidArgumentError("a message has a picture or video part that names no file");
  MediaItem item;
  item.kind = source.kind;
  item.source = source.name;
  item.frames = static_cast<std::int64_t>(source.frames.size());
  for (const PictureSource &frame : source.frames) {
    std::string storage;
    absl::StatusOr<std::string_view> bytes =
        pictureBytes(frame, options.imageLimits.maxFileBytes, storage);
    if (!bytes.ok())
      return bytes.status();
    absl::StatusOr<ImageSize> size = imageSize(*bytes, frame.name, options.imageLimits);
    if (!size.ok())
      return size.status();
    if (&frame == &source.frames.front())
      item.original = *size;
    else if (*size != item.original)
      return absl::InvalidArgumentError(absl::StrFormat(
          "%s: the frame has %d x %d pixels, the first one of its video %d x %d", frame.name,
          size->height, size->width, item.original.height, item.original.width));
  }
  return planGrid(source, std::move(item));
}

absl::StatusOr<MediaItem> MediaLoader::planGrid(const MediaSource &source, MediaItem item) const {
  const PixelLimits limits = limitsOf(source);
  absl::StatusOr<ImageSize> resized =
      smartResize(source.size.value_or(item.original), layout.patchSize * layout.mergeSize,
                  limits.least, limits.most);
  if (!resized.ok())
    return absl::Status(resized.status().code(),
                        absl::StrCat(source.name, ": ", resized.status().message()));
  if (resized->height > options.imageLimits.maxPixels / resized->width)
    return absl::InvalidArgumentError(absl::StrFormat(
        "%s: would be enlarged to %d x %d pixels, more than the limit of %d", source.name,
        resized->height, resized->width, options.imageLimits.maxPixels));
  item.resized = *resized;
  const std::int64_t temporal = layout.temporalPatchSize;
  item.grid = {(item.frames + temporal - 1) / temporal, resized->height / layout.patchSize,
               resized->width / layout.patchSize};
  item.tokens = item.grid.patches() / (layout.mergeSize * layout.mergeSize);
  if (item.kind == MediaKind::Image)
    return item;
  item.sampleFps = source.sampleFps.value_or(kDefaultFps);
  if (!(item.sampleFps > 0) || !std::isfinite(item.sampleFps))
    return absl::InvalidArgumentError(
        absl::StrFormat("%s: the frame rate must be a number above 0", source.name));
  item.secondPerGrid = static_cast<double>(temporal) / item.sampleFps;
  return item;
}

absl::StatusOr<Image> MediaLoader::loadFrame(const PictureSource &source,
                                             const MediaItem &item) const {
  std::string storage;
  absl::StatusOr<std::string_view> bytes =
      pictureBytes(source, options.imageLimits.maxFileBytes, storage);
  if (!bytes.ok())
    return bytes.status();
  absl::StatusOr<Image> image =
      decodeImage(*bytes, source.name, options.alpha, options.imageLimits);
  if (!image.ok())
    return image.status();
  if (image->size != item.original)
    return absl::InvalidArgumentError(
        absl::StrCat(source.name, ": the file changed while it was read"));
  return resizeBicubic(*image, item.resized, options.resizeMode);
}

absl::Status MediaLoader::fill(const MediaSource &source, const MediaItem &item,
                               std::span<float> rows) const {
  const auto rowsOfPair =
      static_cast<std::size_t>(item.grid.h * item.grid.w * layout.rowElements());
  const std::int64_t temporal = layout.temporalPatchSize;
  for (std::int64_t t = 0; t < item.grid.t; ++t) {
    // The last frame is repeated to fill its temporal patch: by its address, so that it is loaded
    // and converted once.
    const std::int64_t available = std::min(temporal, item.frames - t * temporal);
    std::vector<Image> images;
    for (std::int64_t i = 0; i < available; ++i) {
      absl::StatusOr<Image> image = loadFrame(source.frames[t * temporal + i], item);
      if (!image.ok())
        return image.status();
      images.push_back(*std::move(image));
    }
    std::vector<const Image *> frames;
    for (std::int64_t i = 0; i < temporal; ++i)
      frames.push_back(&images[std::min(i, available - 1)]);
    patchify(frames, layout, table, rows.subspan(t * rowsOfPair, rowsOfPair));
  }
  return absl::OkStatus();
}

} // namespace qvlrt
