// Unicode normalisation form C.
#pragma once

#include <string>
#include <string_view>

namespace qvlrt {

/// The NFC form of valid UTF-8, in O(n log n) whatever the text.
std::string normalizeNfc(std::string_view text);

} // namespace qvlrt
