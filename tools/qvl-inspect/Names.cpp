// How parts of an artifact are written.
#include "Names.h"

#include "lib/Runtime/Core/ElementTypes.h"
#include "lib/Runtime/Core/FlatbufferViews.h"

#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"

#include <algorithm>

namespace qvlinspect {

std::string printable(std::string_view text) {
  constexpr std::size_t kLongestName = 512;
  std::string result(text.substr(0, kLongestName));
  std::replace_if(
      result.begin(), result.end(), [](unsigned char c) { return c < 0x20 || c == 0x7F; }, '?');
  return text.size() > kLongestName ? result + "..." : result;
}

std::string printable(const flatbuffers::String *text) { return printable(qvlrt::viewOf(text)); }

std::string elementText(qvlfmt::ElementType element) {
  return qvlrt::isElementType(element) ? std::string(qvlrt::elementName(element)) : "?";
}

std::string encodingText(const qvlfmt::Encoding &encoding) {
  const std::string element = elementText(encoding.element());
  if (encoding.panel_n() <= 0 || encoding.k_group() <= 0)
    return element + " flat";
  return absl::StrFormat("%s [%d][%d][%d][%d]", element, encoding.pad_n() / encoding.panel_n(),
                         encoding.pad_k() / encoding.k_group(), encoding.panel_n(),
                         encoding.k_group());
}

std::string shapeText(const flatbuffers::Vector<std::int64_t> *shape) {
  const std::span<const std::int64_t> dims = qvlrt::spanOf(shape);
  return dims.empty() ? "scalar" : absl::StrJoin(dims, " x ");
}

} // namespace qvlinspect
