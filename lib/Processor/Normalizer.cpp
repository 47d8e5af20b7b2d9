#include "Normalizer.h"

#include <algorithm>
#include <tuple>
#include <vector>

#include <utf8proc.h>

#include "qvlrt/utf8.h"

namespace qvlrt {
namespace {

/// Longest canonical decomposition of one code point, in code points (Unicode guarantees at most
/// 4).
constexpr int kMaxDecomposition = 8;
constexpr auto kOptions = static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE);

int combiningClass(utf8proc_int32_t codePoint) {
  return utf8proc_get_property(codePoint)->combining_class;
}

/// Characters below U+0300 neither decompose under NFC nor combine with their predecessor.
bool isInert(std::string_view text) {
  return std::none_of(text.begin(), text.end(),
                      [](char byte) { return static_cast<unsigned char>(byte) >= 0xCC; });
}

std::vector<utf8proc_int32_t> decompose(std::string_view text) {
  std::vector<utf8proc_int32_t> points;
  points.reserve(text.size() + 1);
  for (std::size_t i = 0; i < text.size();) {
    const Utf8Step step = decodeUtf8(text, i);
    utf8proc_int32_t parts[kMaxDecomposition];
    int boundClass = 0;
    const utf8proc_ssize_t count =
        utf8proc_decompose_char(static_cast<utf8proc_int32_t>(step.codePoint), parts,
                                kMaxDecomposition, kOptions, &boundClass);
    points.insert(points.end(), parts,
                  parts + std::clamp<utf8proc_ssize_t>(count, 0, kMaxDecomposition));
    i += step.bytes;
  }
  return points;
}

/// Sorts each run of combining marks by class, marks of one class in their order. utf8proc's own
/// sort is quadratic in the length of a run, which a hostile text can make as long as it likes.
void orderMarks(std::vector<utf8proc_int32_t> &points) {
  struct Mark {
    int combiningClass;
    std::ptrdiff_t place;
    utf8proc_int32_t codePoint;
  };
  std::vector<Mark> marks;
  const auto flush = [&](std::ptrdiff_t end) {
    std::sort(marks.begin(), marks.end(), [](const Mark &a, const Mark &b) {
      return std::tie(a.combiningClass, a.place) < std::tie(b.combiningClass, b.place);
    });
    std::transform(marks.begin(), marks.end(), points.begin() + end - std::ssize(marks),
                   [](const Mark &mark) { return mark.codePoint; });
    marks.clear();
  };
  for (std::ptrdiff_t i = 0; i < std::ssize(points); ++i) {
    if (const int markClass = combiningClass(points[i]))
      marks.push_back({markClass, i, points[i]});
    else
      flush(i);
  }
  flush(std::ssize(points));
}

} // namespace

std::string normalizeNfc(std::string_view text) {
  if (isInert(text))
    return std::string(text);
  std::vector<utf8proc_int32_t> points = decompose(text);
  orderMarks(points);
  const utf8proc_ssize_t length = utf8proc_normalize_utf32(
      points.data(), static_cast<utf8proc_ssize_t>(points.size()), kOptions);
  std::string out;
  out.reserve(text.size());
  for (utf8proc_ssize_t i = 0; i < length; ++i)
    appendUtf8(out, static_cast<char32_t>(points[i]));
  return out;
}

} // namespace qvlrt
