// UTF-8: strict decoding, repair of invalid bytes, and the incomplete tail of a stream.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace qvlrt {

/// One step of a decoder: a code point and the bytes it took. An invalid part has `valid` false,
/// the code point U+FFFD, and the length of the maximal invalid part (Unicode, section 3.9,
/// "substitution of maximal subparts").
struct Utf8Step {
  char32_t codePoint;
  int bytes;
  bool valid;
};

inline constexpr char32_t kReplacementCharacter = 0xFFFD;

/// Decodes one code point of `text` at `position`, which must be inside the text.
Utf8Step decodeUtf8(std::string_view text, std::size_t position);

/// Appends the UTF-8 form of a code point.
void appendUtf8(std::string &out, char32_t codePoint);

/// The text with U+FFFD in place of each maximal invalid part.
std::string replaceInvalidUtf8(std::string_view text);

/// How many bytes at the end of `text` are the beginning of a character that more bytes could
/// complete (0 to 3).
std::size_t incompleteUtf8Tail(std::string_view text);

} // namespace qvlrt
