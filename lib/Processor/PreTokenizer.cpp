// The hand-coded form of the tokenizer's regular expression (the model specification, section 3.3):
//
//   (?i:'s|'t|'re|'ve|'m|'ll|'d) | [^\r\n\p{L}\p{N}]?\p{L}+ | \p{N} | ?[^\s\p{L}\p{N}]+[\r\n]* |
//   \s*[\r\n]+ |
//   \s+(?!\S) | \s+
#include "qvlrt/pre_tokenizer.h"

#include <algorithm>
#include <iterator>

#include "qvlrt/utf8.h"

namespace qvlrt {
namespace {

struct ClassRange {
  char32_t first;
  char32_t last;
  CharacterClass characterClass;
};

constexpr ClassRange kClassRanges[] = {
#include "UnicodeClassTables.inc"
};

struct Character {
  std::size_t offset; // in bytes
  char32_t codePoint;
  CharacterClass characterClass;
};

/// The characters of a piece, each classified once, and the rules over them.
class ChunkSplitter {
public:
  explicit ChunkSplitter(std::string_view text) : text(text) {
    characters.reserve(text.size());
    for (std::size_t i = 0; i < text.size();) {
      const Utf8Step step = decodeUtf8(text, i);
      characters.push_back({i, step.codePoint, classify(step.codePoint)});
      i += step.bytes;
    }
  }

  std::vector<std::string_view> split() const {
    std::vector<std::string_view> chunks;
    for (std::size_t i = 0; i < characters.size();) {
      const std::size_t end = endOfChunk(i);
      chunks.push_back(text.substr(offset(i), offset(end) - offset(i)));
      i = end;
    }
    return chunks;
  }

private:
  std::size_t offset(std::size_t i) const {
    return i < characters.size() ? characters[i].offset : text.size();
  }
  bool is(std::size_t i, CharacterClass wanted) const {
    return i < characters.size() && characters[i].characterClass == wanted;
  }
  bool isNewline(std::size_t i) const {
    return i < characters.size() &&
           (characters[i].codePoint == '\r' || characters[i].codePoint == '\n');
  }
  std::size_t skip(std::size_t i, CharacterClass wanted) const {
    while (is(i, wanted))
      ++i;
    return i;
  }

  /// The alternatives in the order of the expression; the first that matches wins. Every class
  /// starts one of them.
  std::size_t endOfChunk(std::size_t i) const {
    if (const std::size_t length = contractionLength(i))
      return i + length;
    if (is(i, CharacterClass::Letter))
      return skip(i, CharacterClass::Letter);
    if (is(i, CharacterClass::Number))
      return i + 1;
    if (!isNewline(i) && is(i + 1, CharacterClass::Letter))
      return skip(i + 1, CharacterClass::Letter);
    const std::size_t symbols = characters[i].codePoint == ' ' ? i + 1 : i;
    if (is(symbols, CharacterClass::Other)) {
      std::size_t end = skip(symbols, CharacterClass::Other);
      while (isNewline(end))
        ++end;
      return end;
    }
    return endOfWhiteSpace(i);
  }

  /// Length of 's, 't, 're, 've, 'm, 'll or 'd at i, ignoring case, or 0.
  std::size_t contractionLength(std::size_t i) const {
    if (characters[i].codePoint != '\'')
      return 0;
    const char32_t first = lowerAt(i + 1);
    if (first == 's' || first == 't' || first == 'm' || first == 'd')
      return 2;
    const char32_t second = lowerAt(i + 2);
    const bool pair =
        ((first == 'r' || first == 'v') && second == 'e') || (first == 'l' && second == 'l');
    return pair ? 3 : 0;
  }

  char32_t lowerAt(std::size_t i) const {
    if (i >= characters.size())
      return 0;
    const char32_t codePoint = characters[i].codePoint;
    if (codePoint == 0x17F) // LATIN SMALL LETTER LONG S folds to s
      return 's';
    return codePoint >= 'A' && codePoint <= 'Z' ? codePoint + ('a' - 'A') : codePoint;
  }

  /// A run of white space: up to its last newline, else without the last character when something
  /// follows.
  std::size_t endOfWhiteSpace(std::size_t i) const {
    const std::size_t end = skip(i, CharacterClass::WhiteSpace);
    for (std::size_t last = end; last > i; --last)
      if (isNewline(last - 1))
        return last;
    return end < characters.size() && end - i >= 2 ? end - 1 : end;
  }

  std::string_view text;
  std::vector<Character> characters;
};

} // namespace

CharacterClass classify(char32_t codePoint) {
  const auto range = std::upper_bound(
      std::begin(kClassRanges), std::end(kClassRanges), codePoint,
      [](char32_t value, const ClassRange &candidate) { return value < candidate.first; });
  if (range == std::begin(kClassRanges) || codePoint > std::prev(range)->last)
    return CharacterClass::Other;
  return std::prev(range)->characterClass;
}

std::vector<std::string_view> splitIntoChunks(std::string_view text) {
  return ChunkSplitter(text).split();
}

} // namespace qvlrt
