#include "qvlrt/chat_template.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace qvlrt {
namespace {

/// The template of Qwen2.5-VL (the model specification, section 3.6).
class Qwen25VlTemplate {
public:
  explicit Qwen25VlTemplate(const ChatTemplateOptions &options) : options(options) {}

  std::string render(const std::vector<Message> &messages) {
    if (!messages.empty() && messages.front().role != "system")
      text += "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n";
    for (const Message &message : messages) {
      absl::StrAppend(&text, "<|im_start|>", message.role, "\n");
      for (const ContentPart &part : message.content)
        addPart(part);
      text += "<|im_end|>\n";
    }
    if (options.addGenerationPrompt)
      text += "<|im_start|>assistant\n";
    return std::move(text);
  }

private:
  void addPart(const ContentPart &part) {
    if (!part.media)
      text += part.text;
    else if (part.media->kind == MediaKind::Image)
      addMedium("Picture ", ++images, "<|image_pad|>");
    else
      addMedium("Video ", ++videos, "<|video_pad|>");
  }

  void addMedium(const char *title, int number, const char *pad) {
    if (options.addVisionId)
      absl::StrAppend(&text, title, number, ": ");
    absl::StrAppend(&text, "<|vision_start|>", pad, "<|vision_end|>");
  }

  ChatTemplateOptions options;
  std::string text;
  int images = 0; // numbers run over the whole conversation
  int videos = 0;
};

/// Hands out the token counts of one kind of media, in order.
struct PlaceholderCursor {
  const char *kind;
  PlaceholderCounts counts;
  std::size_t next = 0;

  void expand(std::vector<std::int64_t> &ids) {
    if (next < counts.tokens.size())
      ids.insert(ids.end(), counts.tokens[next], counts.padId);
    ++next;
  }

  absl::Status check() const {
    if (next == counts.tokens.size())
      return absl::OkStatus();
    return absl::InvalidArgumentError(absl::StrFormat(
        "the prompt has %u %s placeholders for %u %ss: take placeholder text out of the messages",
        next, kind, counts.tokens.size(), kind));
  }
};

} // namespace

absl::StatusOr<std::string> renderChat(std::string_view templateId,
                                       const std::vector<Message> &messages,
                                       const ChatTemplateOptions &options) {
  if (templateId != "qwen2_5_vl")
    return absl::InvalidArgumentError(absl::StrFormat(
        "the artifact names the chat template '%s', which this program does not know",
        std::string(templateId)));
  return Qwen25VlTemplate(options).render(messages);
}

absl::StatusOr<std::vector<std::int64_t>> expandPlaceholders(std::span<const std::int64_t> ids,
                                                             const PlaceholderCounts &images,
                                                             const PlaceholderCounts &videos) {
  PlaceholderCursor image{"image", images};
  PlaceholderCursor video{"video", videos};
  std::vector<std::int64_t> expanded;
  expanded.reserve(ids.size());
  for (std::int64_t id : ids) {
    if (id == images.padId)
      image.expand(expanded);
    else if (id == videos.padId)
      video.expand(expanded);
    else
      expanded.push_back(id);
  }
  for (const PlaceholderCursor *cursor : {&image, &video})
    if (absl::Status status = cursor->check(); !status.ok())
      return status;
  return expanded;
}

} // namespace qvlrt
