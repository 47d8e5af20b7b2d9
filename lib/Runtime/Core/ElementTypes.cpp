#include "ElementTypes.h"

namespace qvlrt {

namespace {

struct ElementFacts {
  const char *name;
  std::uint64_t bytes;
};

// In the order of qvlfmt::ElementType.
constexpr ElementFacts kElements[] = {{"f32", 4}, {"bf16", 2}, {"f16", 2},
                                      {"i32", 4}, {"i64", 8},  {"u8", 1}};
static_assert(std::size(kElements) == static_cast<std::size_t>(qvlfmt::ElementType::MAX) + 1);

} // namespace

bool isElementType(qvlfmt::ElementType element) { return element <= qvlfmt::ElementType::MAX; }

std::uint64_t elementBytes(qvlfmt::ElementType element) {
  return kElements[static_cast<std::size_t>(element)].bytes;
}

absl::string_view elementName(qvlfmt::ElementType element) {
  return kElements[static_cast<std::size_t>(element)].name;
}

std::optional<std::uint64_t> tensorBytes(std::span<const std::int64_t> dims,
                                         qvlfmt::ElementType element) {
  constexpr std::int64_t kLimit = std::int64_t{1} << 62;
  std::int64_t bytes = static_cast<std::int64_t>(elementBytes(element));
  for (std::int64_t dim : dims) {
    // Every dim is checked, so that a zero beside a negative one does not hide it.
    if (dim < 0 || __builtin_mul_overflow(bytes, dim, &bytes) || bytes > kLimit)
      return std::nullopt;
  }
  return static_cast<std::uint64_t>(bytes);
}

} // namespace qvlrt
