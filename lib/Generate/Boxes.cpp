// Boxes that an answer names.
#include "qvlrt/boxes.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>

namespace qvlrt {

namespace {

using Json = nlohmann::json;

/// Objects inside of an object that is looked at: bounds the work on an answer of nothing but
/// braces.
constexpr std::size_t kMaxNesting = 8;

/// Calls `found` with every `{...}` of a text, inner ones first. Between braces, quoted braces do
/// not count; a string ends with its line, so that a lone quotation mark hides nothing behind it.
template <typename Found> void forEachObject(std::string_view text, Found found) {
  struct Open {
    std::size_t start;
    std::size_t depth; // of objects inside
  };
  std::vector<Open> open;
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quoted && c == '\\')
      ++i;
    else if (c == '\n')
      quoted = false;
    else if (c == '"')
      quoted = !quoted && !open.empty();
    else if (!quoted && c == '{')
      open.push_back({i, 0});
    else if (!quoted && c == '}' && !open.empty()) {
      const Open closed = open.back();
      open.pop_back();
      if (!open.empty())
        open.back().depth = std::max(open.back().depth, closed.depth + 1);
      if (closed.depth <= kMaxNesting)
        found(text.substr(closed.start, i + 1 - closed.start));
    }
  }
}

std::optional<Box> boxOf(const Json &object) {
  const auto found = object.find("bbox_2d");
  if (found == object.end() || !found->is_array() || found->size() != 4)
    return std::nullopt;
  Box box;
  for (std::size_t i = 0; i < box.size(); ++i) {
    if (!(*found)[i].is_number())
      return std::nullopt;
    box[i] = (*found)[i].get<double>();
  }
  return box;
}

std::string labelOf(const Json &object) {
  for (const char *key : {"label", "text_content"})
    if (const auto found = object.find(key); found != object.end() && found->is_string())
      return found->get<std::string>();
  return "";
}

bool areScaledAlike(const MediaItem &a, const MediaItem &b) {
  return a.original == b.original && a.resized == b.resized;
}

Box scaled(const Box &box, const MediaItem &item) {
  const auto place = [](double value, std::int64_t original, std::int64_t resized) {
    return std::clamp(value * static_cast<double>(original) / static_cast<double>(resized), 0.0,
                      static_cast<double>(original));
  };
  const auto x = [&](double v) { return place(v, item.original.width, item.resized.width); };
  const auto y = [&](double v) { return place(v, item.original.height, item.resized.height); };
  return {x(box[0]), y(box[1]), x(box[2]), y(box[3])};
}

} // namespace

std::vector<AnswerBox> findBoxes(std::string_view text, std::span<const MediaItem> media) {
  const bool oneScale = !media.empty() && std::all_of(media.begin(), media.end(), [&](auto &item) {
    return areScaledAlike(item, media.front());
  });
  std::vector<AnswerBox> boxes;
  forEachObject(text, [&](std::string_view object) {
    const Json json = Json::parse(object, nullptr, /*allow_exceptions=*/false);
    if (json.is_discarded())
      return;
    const std::optional<Box> box = boxOf(json);
    if (!box)
      return;
    AnswerBox &added = boxes.emplace_back(AnswerBox{labelOf(json), std::nullopt, *box, {}});
    if (media.size() == 1)
      added.media = 0;
    if (oneScale)
      added.picture = scaled(*box, media.front());
  });
  return boxes;
}

} // namespace qvlrt
