// Boxes that an answer names, in the pixels of the user's picture.
#pragma once

#include "qvlrt/processor.h"

#include <array>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace qvlrt {

/// Left, top, right, bottom in pixels, from the upper left corner.
using Box = std::array<double, 4>;

struct AnswerBox {
  std::string label;                ///< "label", else "text_content"; may be empty
  std::optional<std::size_t> media; ///< which picture or video of the request, when there is one
  Box model;                        ///< as the model wrote it: pixels of the resized picture
  /// In the original picture (after EXIF orientation), cut off at its borders; nothing when the
  /// request has no picture, or several that were scaled differently: the answer does not say which
  /// one it speaks of.
  std::optional<Box> picture;
};

/// The boxes of an answer in the model's own form, in their order: every JSON object of `text`, at
/// any place (between fences, in a list, in an answer that was cut off), with "bbox_2d": four
/// numbers. Qwen2.5-VL counts them in pixels of the picture as it was resized for the vision
/// encoder (Qwen2.5-VL Technical Report, arXiv:2502.13923: grounding with absolute coordinates).
std::vector<AnswerBox> findBoxes(std::string_view text, std::span<const MediaItem> media);

} // namespace qvlrt
