// Pictures and videos of a request: what they will become, and their pixel rows.
#pragma once

#include <span>

#include "absl/status/statusor.h"
#include "qvlrt/processor.h"

namespace qvlrt {

/// Loads media for one request under its options.
class MediaLoader {
public:
  MediaLoader(const qvlfmt::ProcessorFacts &facts, const ProcessorOptions &options);

  /// Sizes and grid of a medium, from the headers of its files. A folder of frames becomes the list
  /// of its files in `source`. Errors: InvalidArgument, NotFound, Unimplemented (video files).
  absl::StatusOr<MediaItem> plan(MediaSource &source) const;

  /// Decodes and writes the rows [item.grid.patches(), patch_row] of a planned medium. Errors: as
  /// plan, and when a file is damaged or has changed since.
  absl::Status fill(const MediaSource &source, const MediaItem &item, std::span<float> rows) const;

private:
  /// Pixels of a resized picture.
  struct PixelLimits {
    std::int64_t least, most;
  };

  /// Those of the request, else of the part, else of the model.
  PixelLimits limitsOf(const MediaSource &source) const;
  absl::StatusOr<MediaItem> planGrid(const MediaSource &source, MediaItem item) const;
  absl::StatusOr<Image> loadFrame(const PictureSource &source, const MediaItem &item) const;

  PatchLayout layout;
  ProcessorOptions options;
  PixelLimits modelLimits;
  NormalizationTable table;
};

} // namespace qvlrt
