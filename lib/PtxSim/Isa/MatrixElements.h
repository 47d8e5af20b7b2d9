// Elements of matrix fragments as numbers.
//
// Every format of the tensor instructions is a subset of f32, so one multiply loop serves them all.
#pragma once

#include "Parse/Types.h"

#include <array>
#include <bit>
#include <cstdint>

namespace qvlsim {

inline float bfloat16ToFloat(std::uint16_t bits) {
  return std::bit_cast<float>(std::uint32_t{bits} << 16);
}

/// Branch-free, so that loops over fragments are vectorised.
inline float halfToFloat(std::uint16_t bits) {
  const std::uint32_t magnitude = (bits & 0x7FFFu) << 13;
  const std::uint32_t exponent = magnitude & 0x0F800000u;
  std::uint32_t normal = magnitude + (112u << 23);
  normal += exponent == 0x0F800000u ? 112u << 23 : 0u; // infinity, NaN
  const float subnormal =
      std::bit_cast<float>(normal + (1u << 23)) - std::bit_cast<float>(113u << 23);
  const std::uint32_t value = exponent == 0 ? std::bit_cast<std::uint32_t>(subnormal) : normal;
  return std::bit_cast<float>(value | std::uint32_t{bits & 0x8000u} << 16);
}

/// Rounds to nearest even; NaN gives the canonical 0x7FFF.
std::uint16_t floatToHalf(float value);
std::uint16_t floatToBfloat16(float value);

/// The 256 values of e4m3 (no infinities, NaN at 0x7F and 0xFF) and e5m2.
const std::array<float, 256> &e4m3Values();
const std::array<float, 256> &e5m2Values();

/// tf32 operands are f32 registers whose 13 low bits the instruction ignores.
inline float tf32ToFloat(std::uint32_t bits) { return std::bit_cast<float>(bits & 0xFFFFE000u); }

/// Bits of one element in a fragment register or in shared memory.
inline unsigned matrixElementBits(Type type) {
  return type == Type::TF32 ? 32 : byteSize(type) * 8;
}

/// Widens `count` packed elements of type F16, BF16, TF32, E4M3 or E5M2.
void widenElements(Type type, const void *packed, unsigned count, float *out);

} // namespace qvlsim
