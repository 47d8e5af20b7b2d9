// Messages to prompt text, and the expansion of media placeholders.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "qvlrt/messages.h"

namespace qvlrt {

struct ChatTemplateOptions {
  bool addGenerationPrompt = true;
  bool addVisionId = false; ///< "Picture 1: " and "Video 1: " before the media
};

/// Renders the messages with the template an artifact names; only "qwen2_5_vl" is known (the model
/// specification, section 3.6). Texts are inserted verbatim. Errors: InvalidArgument for an unknown
/// template.
absl::StatusOr<std::string> renderChat(std::string_view templateId,
                                       const std::vector<Message> &messages,
                                       const ChatTemplateOptions &options);

/// The placeholder of one medium in a prompt and the language tokens it stands for.
struct PlaceholderCounts {
  std::int64_t padId;
  std::span<const std::int64_t> tokens; ///< of the media of this kind, in order
};

/// Repeats the k-th pad of each kind as often as the k-th medium has tokens (section 3.7; done on
/// ids, which is the same because a pad is an added token). Errors: InvalidArgument when the number
/// of pads is not that of the media.
absl::StatusOr<std::vector<std::int64_t>> expandPlaceholders(std::span<const std::int64_t> ids,
                                                             const PlaceholderCounts &images,
                                                             const PlaceholderCounts &videos);

} // namespace qvlrt
