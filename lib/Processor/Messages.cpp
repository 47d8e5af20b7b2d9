#include "qvlrt/messages.h"

#include <cmath>
#include <filesystem>
#include <limits>
#include <utility>

#include <nlohmann/json.hpp>

#include "MediaReference.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "qvlrt/image.h"

namespace qvlrt {
namespace {

using nlohmann::json;

/// Data URIs make messages files large; this bounds what a wrong file name can pull into memory.
constexpr std::uint64_t kMaxMessagesBytes = std::uint64_t{1} << 30;

const json *member(const json &object, const char *key) {
  const auto found = object.find(key);
  return found == object.end() ? nullptr : &*found;
}

/// Reads a messages file; the position of the part at hand stands in every message.
class MessagesParser {
public:
  explicit MessagesParser(const std::string &baseDirectory) : baseDirectory(baseDirectory) {}

  absl::StatusOr<std::vector<Message>> parse(const json &document) {
    if (!document.is_array())
      return absl::InvalidArgumentError("messages must be a JSON list of {\"role\", \"content\"}");
    std::vector<Message> messages;
    for (const json &item : document) {
      position = absl::StrCat("message ", messages.size() + 1);
      absl::StatusOr<Message> message = parseMessage(item);
      if (!message.ok())
        return message.status();
      messages.push_back(*std::move(message));
    }
    return messages;
  }

private:
  absl::Status error(absl::string_view what) const {
    return absl::InvalidArgumentError(absl::StrCat(position, ": ", what));
  }

  absl::StatusOr<Message> parseMessage(const json &item) {
    const json *role = item.is_object() ? member(item, "role") : nullptr;
    const json *content = item.is_object() ? member(item, "content") : nullptr;
    if (!role || !role->is_string())
      return error("\"role\" is missing or no string");
    if (!content || !(content->is_string() || content->is_array()))
      return error("\"content\" is missing, or neither a string nor a list of parts");
    Message message{role->get<std::string>(), {}};
    if (content->is_string()) {
      message.content.push_back({content->get<std::string>(), std::nullopt});
      return message;
    }
    const std::string messagePosition = position;
    for (std::size_t i = 0; i < content->size(); ++i) {
      position = absl::StrCat(messagePosition, ", part ", i + 1);
      if (absl::Status status = parsePart((*content)[i], message.content); !status.ok())
        return status;
    }
    return message;
  }

  /// The conditions of the chat template, in its order; a part of an unknown kind says nothing.
  absl::Status parsePart(const json &part, std::vector<ContentPart> &parts) {
    if (!part.is_object())
      return error("a part must be an object");
    const json *type = member(part, "type");
    const bool isImage = type && *type == "image";
    const bool isVideo = type && *type == "video";
    if (isImage || part.contains("image") || part.contains("image_url"))
      return parseImage(part, parts);
    if (isVideo || part.contains("video"))
      return parseVideo(part, parts);
    const json *text = member(part, "text");
    if (!text)
      return absl::OkStatus();
    if (!text->is_string())
      return error("\"text\" must be a string");
    parts.push_back({text->get<std::string>(), std::nullopt});
    return absl::OkStatus();
  }

  absl::Status parseImage(const json &part, std::vector<ContentPart> &parts) {
    MediaSource media;
    const json *image = member(part, "image");
    if (!image)
      image = member(part, "image_url");
    if (image && image->is_object())
      image = member(*image, "url");
    if (image) {
      if (absl::Status status = addFrame(*image, media); !status.ok())
        return status;
      media.name = media.frames.front().name;
    }
    if (absl::Status status = parseSizes(part, media); !status.ok())
      return status;
    parts.push_back({"", std::move(media)});
    return absl::OkStatus();
  }

  absl::Status parseVideo(const json &part, std::vector<ContentPart> &parts) {
    MediaSource media;
    media.kind = MediaKind::Video;
    for (const char *key : {"fps", "sample_fps"})
      if (const json *fps = member(part, key)) {
        if (!fps->is_number() || !(fps->get<double>() > 0) || !std::isfinite(fps->get<double>()))
          return error(absl::StrCat("\"", key, "\" must be a number above 0"));
        media.sampleFps = fps->get<double>();
      }
    if (absl::Status status = parseSizes(part, media); !status.ok())
      return status;
    if (const json *video = member(part, "video"))
      if (absl::Status status = parseVideoSource(*video, media); !status.ok())
        return status;
    parts.push_back({"", std::move(media)});
    return absl::OkStatus();
  }

  /// Reads a whole number above 0 into `value`, if there is one.
  absl::Status parseCount(const json &part, const char *key, std::optional<std::int64_t> &value) {
    const json *number = member(part, key);
    if (!number)
      return absl::OkStatus();
    constexpr std::uint64_t kMost = std::numeric_limits<std::int64_t>::max();
    if (!number->is_number_unsigned() || number->get<std::uint64_t>() - 1 >= kMost)
      return error(absl::StrCat("\"", key, "\" must be a whole number above 0"));
    value = number->get<std::int64_t>();
    return absl::OkStatus();
  }

  absl::Status parseSizes(const json &part, MediaSource &media) {
    std::optional<std::int64_t> height, width;
    for (const auto &[key, value] :
         {std::pair("min_pixels", &media.minPixels), std::pair("max_pixels", &media.maxPixels),
          std::pair("resized_height", &height), std::pair("resized_width", &width)})
      if (absl::Status status = parseCount(part, key, *value); !status.ok())
        return status;
    if (height.has_value() != width.has_value())
      return error("\"resized_height\" and \"resized_width\" go together");
    if (height)
      media.size = ImageSize{*height, *width};
    return absl::OkStatus();
  }

  absl::Status parseVideoSource(const json &video, MediaSource &media) {
    if (video.is_string()) {
      media.name = video.get<std::string>();
      absl::StatusOr<std::string> path = resolvePath(media.name, baseDirectory);
      if (!path.ok())
        return error(path.status().message());
      media.videoPath = *std::move(path);
      return absl::OkStatus();
    }
    if (!video.is_array() || video.empty())
      return error("\"video\" must be a path or a list of frames that is not empty");
    for (const json &frame : video)
      if (absl::Status status = addFrame(frame, media); !status.ok())
        return status;
    media.name = absl::StrFormat("%s (%u frames)", media.frames.front().name, media.frames.size());
    return absl::OkStatus();
  }

  absl::Status addFrame(const json &reference, MediaSource &media) {
    if (!reference.is_string())
      return error("a picture must be a path, a file:// URI or a data URI");
    absl::StatusOr<PictureSource> picture =
        resolvePicture(reference.get_ref<const std::string &>(), baseDirectory);
    if (!picture.ok())
      return error(picture.status().message());
    media.frames.push_back(*std::move(picture));
    return absl::OkStatus();
  }

  std::string baseDirectory;
  std::string position;
};

/// One medium of the command line.
absl::StatusOr<MediaSource> makeMedium(const PromptArguments::Media &argument,
                                       std::optional<double> fps) {
  MediaSource media;
  media.kind = argument.kind;
  media.name = argument.path;
  if (argument.kind == MediaKind::Video) {
    absl::StatusOr<std::string> path = resolvePath(argument.path, "");
    if (!path.ok())
      return path.status();
    media.videoPath = *std::move(path);
    media.sampleFps = fps;
    return media;
  }
  absl::StatusOr<PictureSource> picture = resolvePicture(argument.path, "");
  if (!picture.ok())
    return picture.status();
  media.name = picture->name;
  media.frames.push_back(*std::move(picture));
  return media;
}

} // namespace

absl::StatusOr<std::vector<Message>> parseMessages(std::string_view text,
                                                   const std::string &baseDirectory) {
  try {
    return MessagesParser(baseDirectory).parse(json::parse(text));
  } catch (const json::parse_error &error) {
    return absl::InvalidArgumentError(
        absl::StrFormat("no valid JSON at byte %u", static_cast<unsigned long>(error.byte)));
  } catch (const json::exception &) {
    return absl::InvalidArgumentError("the JSON holds a number that cannot be represented");
  }
}

absl::StatusOr<std::vector<Message>> loadMessages(const std::string &path) {
  absl::StatusOr<std::string> text = readMediaFile(path, kMaxMessagesBytes);
  if (!text.ok())
    return text.status();
  absl::StatusOr<std::vector<Message>> messages =
      parseMessages(*text, std::filesystem::path(path).parent_path().string());
  if (!messages.ok())
    return absl::Status(messages.status().code(),
                        absl::StrCat(path, ": ", messages.status().message()));
  return messages;
}

absl::StatusOr<std::vector<Message>> makeMessages(const PromptArguments &arguments) {
  std::vector<Message> messages;
  if (arguments.system)
    messages.push_back({"system", {{*arguments.system, std::nullopt}}});
  Message user{"user", {}};
  for (const PromptArguments::Media &argument : arguments.media) {
    absl::StatusOr<MediaSource> media = makeMedium(argument, arguments.fps);
    if (!media.ok())
      return media.status();
    user.content.push_back({"", *std::move(media)});
  }
  if (!arguments.prompt.empty())
    user.content.push_back({arguments.prompt, std::nullopt});
  messages.push_back(std::move(user));
  return messages;
}

bool isEmptyRequest(const std::vector<Message> &messages) {
  for (const Message &message : messages)
    for (const ContentPart &part : message.content)
      if (message.role != "system" && (part.media || !part.text.empty()))
        return false;
  return true;
}

} // namespace qvlrt
