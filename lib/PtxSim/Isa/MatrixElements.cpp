#include "Isa/MatrixElements.h"

#include <cmath>
#include <cstring>
#include <limits>

namespace qvlsim {

std::uint16_t floatToHalf(float value) {
  const std::uint32_t bits = std::bit_cast<std::uint32_t>(value);
  const std::uint32_t sign = bits >> 16 & 0x8000u, magnitude = bits & 0x7FFFFFFFu;
  if (magnitude > 0x7F800000u)
    return 0x7FFF;
  if (magnitude >= 0x477FF000u) // 65520: half way to the first value that does not exist
    return static_cast<std::uint16_t>(sign | 0x7C00u);
  if (magnitude < 0x38800000u) { // below 2^-14: the spacing is 2^-24
    // Adding 0.5 leaves exactly the bits that count, rounded to nearest even by the addition.
    const float shifted = std::bit_cast<float>(magnitude) + 0.5f;
    return static_cast<std::uint16_t>(sign | (std::bit_cast<std::uint32_t>(shifted) - 0x3F000000u));
  }
  const std::uint32_t rounded = magnitude + 0xFFFu + (magnitude >> 13 & 1u);
  return static_cast<std::uint16_t>(sign | ((rounded - (112u << 23)) >> 13));
}

std::uint16_t floatToBfloat16(float value) {
  const std::uint32_t bits = std::bit_cast<std::uint32_t>(value);
  if ((bits & 0x7FFFFFFFu) > 0x7F800000u)
    return 0x7FFF;
  return static_cast<std::uint16_t>((bits + 0x7FFFu + (bits >> 16 & 1u)) >> 16);
}

/// A minifloat of `mantissaBits`, with exponent bias `bias` and without special values.
static float minifloat(unsigned bits, int mantissaBits, int bias) {
  const int mantissa = static_cast<int>(bits & ((1u << mantissaBits) - 1));
  const int exponent = static_cast<int>((bits & 0x7Fu) >> mantissaBits);
  const float magnitude = exponent == 0
                              ? std::ldexp(static_cast<float>(mantissa), 1 - bias - mantissaBits)
                              : std::ldexp(static_cast<float>(mantissa + (1 << mantissaBits)),
                                           exponent - bias - mantissaBits);
  return bits & 0x80u ? -magnitude : magnitude;
}

const std::array<float, 256> &e4m3Values() {
  static const std::array<float, 256> values = [] {
    std::array<float, 256> table{};
    for (unsigned bits = 0; bits < 256; ++bits)
      table[bits] =
          (bits & 0x7Fu) == 0x7Fu ? std::numeric_limits<float>::quiet_NaN() : minifloat(bits, 3, 7);
    return table;
  }();
  return values;
}

const std::array<float, 256> &e5m2Values() {
  static const std::array<float, 256> values = [] {
    std::array<float, 256> table{};
    for (unsigned bits = 0; bits < 256; ++bits) {
      const float infinity = std::numeric_limits<float>::infinity();
      if ((bits & 0x7Cu) != 0x7Cu)
        table[bits] = minifloat(bits, 2, 15);
      else if (bits & 3u)
        table[bits] = std::numeric_limits<float>::quiet_NaN();
      else
        table[bits] = bits & 0x80u ? -infinity : infinity;
    }
    return table;
  }();
  return values;
}

template <typename Bits, typename Convert>
static void widen(const void *packed, unsigned count, float *out, Convert convert) {
  const auto *bytes = static_cast<const std::byte *>(packed);
  for (unsigned e = 0; e < count; ++e) {
    Bits bits;
    std::memcpy(&bits, bytes + e * sizeof(Bits), sizeof(Bits));
    out[e] = convert(bits);
  }
}

void widenElements(Type type, const void *packed, unsigned count, float *out) {
  switch (type) {
  case Type::F16:
    return widen<std::uint16_t>(packed, count, out, halfToFloat);
  case Type::BF16:
    return widen<std::uint16_t>(packed, count, out, bfloat16ToFloat);
  case Type::TF32:
    return widen<std::uint32_t>(packed, count, out, tf32ToFloat);
  default: {
    const auto &table = type == Type::E4M3 ? e4m3Values() : e5m2Values();
    return widen<std::uint8_t>(packed, count, out, [&](std::uint8_t b) { return table[b]; });
  }
  }
}

} // namespace qvlsim
