// A conversation: roles, texts, pictures and videos, as the user gives them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "qvlrt/image.h"

namespace qvlrt {

enum class MediaKind { Image, Video };

/// Where the bytes of one picture come from: a file, or bytes that stood in the message (a data
/// URI).
struct PictureSource {
  std::string name; ///< path as opened, or "data URI"; for messages and the media list
  std::string path; ///< empty when `bytes` holds the file
  std::string bytes;
};

/// One picture, or one video.
struct MediaSource {
  MediaKind kind = MediaKind::Image;
  /// What the user wrote, for messages and the media list.
  std::string name;
  /// The picture, or the frames of a video given as a list; empty for a part without content, which
  /// only the chat template accepts.
  std::vector<PictureSource> frames;
  /// A video given as a folder of frames or as a file.
  std::string videoPath;
  /// Frames a second of the video as it is given; default 2.
  std::optional<double> sampleFps;
  /// Limits of the resized picture or frame in pixels; default the model's.
  std::optional<std::int64_t> minPixels, maxPixels;
  /// A size asked for instead of the picture's own; it is rounded and limited like that.
  std::optional<ImageSize> size;
};

/// One part of a message: text or media.
struct ContentPart {
  std::string text;
  std::optional<MediaSource> media; ///< when set, `text` is unused
};

/// One message. A plain string is one text part.
struct Message {
  std::string role;
  std::vector<ContentPart> content;
};

/// What the command line says instead of a messages file.
struct PromptArguments {
  std::optional<std::string> system;
  std::string prompt;
  /// Pictures and videos in the order given. A video is a folder of frames or a file.
  struct Media {
    MediaKind kind;
    std::string path;
  };
  std::vector<Media> media;
  std::optional<double> fps; ///< of all videos
};

/// Parses a messages file: a list in OpenAI chat form or in the reference's own form (architecture,
/// contract C2). `baseDirectory` is what relative paths are relative to. Files are not opened here,
/// nor are folders listed. A picture or video part may set its own size, with the reference's keys
/// min_pixels, max_pixels, and resized_height with resized_width. Errors: InvalidArgument for
/// anything malformed, http URLs included.
absl::StatusOr<std::vector<Message>> parseMessages(std::string_view json,
                                                   const std::string &baseDirectory);

/// Reads and parses a messages file; paths are relative to its folder.
absl::StatusOr<std::vector<Message>> loadMessages(const std::string &path);

/// The conversation of a prompt on the command line: an optional system message, then one user
/// message with the media in order and the text at the end. Paths are relative to the working
/// directory.
absl::StatusOr<std::vector<Message>> makeMessages(const PromptArguments &arguments);

/// True when the messages hold neither text nor media beside a system message: the request that
/// tools refuse.
bool isEmptyRequest(const std::vector<Message> &messages);

} // namespace qvlrt
