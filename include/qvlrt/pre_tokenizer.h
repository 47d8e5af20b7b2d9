// The split of normalised text into the chunks that byte-pair encoding works on.
#pragma once

#include <string_view>
#include <vector>

namespace qvlrt {

/// Classes of the pre-tokenizer's regular expression; every other character is Other.
enum class CharacterClass : unsigned char { Other, Letter, Number, WhiteSpace };

/// The class of a code point: general categories L* and N* of Unicode 16, and White_Space.
CharacterClass classify(char32_t codePoint);

/// Splits valid UTF-8 into chunks that cover it without gaps (the model specification,
/// section 3.3). Linear time.
std::vector<std::string_view> splitIntoChunks(std::string_view text);

} // namespace qvlrt
