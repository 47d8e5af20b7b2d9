// The ways a message may name a picture: a path, a `file://` URI or a data URI.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "qvlrt/messages.h"

namespace qvlrt {

/// Resolves `reference`; relative paths are relative to `baseDirectory` (empty: the working
/// directory). Errors: InvalidArgument for http URLs, unknown schemes, malformed data URIs and
/// empty references.
absl::StatusOr<PictureSource> resolvePicture(std::string_view reference,
                                             const std::string &baseDirectory);

/// The same for something that must be a path: a video file or a folder of frames.
absl::StatusOr<std::string> resolvePath(std::string_view reference,
                                        const std::string &baseDirectory);

} // namespace qvlrt
