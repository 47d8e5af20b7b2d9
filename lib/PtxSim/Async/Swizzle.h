// Shared-memory swizzles of TMA and wgmma.
#pragma once

#include <cstdint>

namespace qvlsim {

/// In the order of CUtensorMapSwizzle.
enum class Swizzle : std::uint8_t { None, Bytes32, Bytes64, Bytes128 };

/// Bytes of one row of the pattern.
constexpr unsigned swizzleSpan(Swizzle swizzle) { return 16u << static_cast<unsigned>(swizzle); }
/// Bytes after which the pattern repeats, and to which a pattern start is aligned.
constexpr unsigned swizzlePeriod(Swizzle swizzle) {
  return swizzle == Swizzle::None ? 16 : 8 * swizzleSpan(swizzle);
}

/// Where a byte goes: 16-byte chunk bits 4.. are xored with address bits 7.. (one, two or three of
/// them). Works on absolute shared-memory offsets: the pattern is tied to the address, not to the
/// tile.
constexpr std::uint64_t swizzled(std::uint64_t address, Swizzle swizzle) {
  const std::uint64_t bits = (std::uint64_t{1} << static_cast<unsigned>(swizzle)) - 1;
  return address ^ ((address >> 7 & bits) << 4);
}

} // namespace qvlsim
