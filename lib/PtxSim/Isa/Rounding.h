// Exact conversion and arithmetic in the floating formats of PTX.
#pragma once

#include "Module/Decode.h"
#include "Parse/Types.h"

#include <cfenv>
#include <cmath>
#include <cstdint>

namespace qvlsim {

enum class Rounding : std::uint8_t {
  NearestEven,
  Zero,
  Down,        // .rm
  Up,          // .rp
  NearestAway, // .rna: ties away from zero
};

/// A binary format: sign, exponent and mantissa bits. `finite` formats have no infinity (e4m3: only
/// the all-ones pattern is NaN).
struct Format {
  unsigned exponentBits;
  unsigned mantissaBits;
  bool finite = false;
  constexpr int bias() const { return (1 << (exponentBits - 1)) - 1; }
  constexpr unsigned bits() const { return 1 + exponentBits + mantissaBits; }
};
inline constexpr Format kF16{5, 10}, kBF16{8, 7}, kTF32{8, 10}, kF32{8, 23}, kF64{11, 52},
    kE5M2{5, 2};
inline constexpr Format kE4M3{4, 3, true};

/// The value of a bit pattern; exact.
double decodeFloat(Format format, std::uint64_t bits);
/// The nearest bit pattern in the sense of `rounding`. Overflow gives infinity, or the largest
/// finite value where the rounding mode asks for it or `saturateFinite` is set; NaN gives the
/// canonical NaN (all ones below the sign). For kF64 the value itself.
std::uint64_t encodeFloat(Format format, double value, Rounding rounding = Rounding::NearestEven,
                          bool saturateFinite = false);

/// a + b rounded to odd in double: rounding it again to a format of at most 51 bits is as if the
/// exact sum had been rounded once.
double addRoundedToOdd(double a, double b);
/// a * b rounded to odd in double.
double multiplyRoundedToOdd(double a, double b);
/// An unsigned integer rounded to odd in double.
double integerRoundedToOdd(std::uint64_t value);

/// Runs fn with the machine's rounding mode set; for f32 and f64 operations that the processor
/// rounds.
template <typename Function> void withRounding(Rounding rounding, Function fn) {
  static constexpr int kModes[] = {FE_TONEAREST, FE_TOWARDZERO, FE_DOWNWARD, FE_UPWARD,
                                   FE_TONEAREST};
  if (rounding == Rounding::NearestEven) {
    fn();
    return;
  }
  std::fesetround(kModes[static_cast<unsigned>(rounding)]);
  fn();
  std::fesetround(FE_TONEAREST);
}
/// Keeps the compiler from moving an operand across a change of the rounding mode.
template <typename T> T opaque(T value) {
  asm volatile("" : "+m"(value));
  return value;
}

inline float flushed(float x) {
  return std::fpclassify(x) == FP_SUBNORMAL ? std::copysign(0.0f, x) : x;
}
inline float canonical(float x) {
  return std::isnan(x) ? __builtin_bit_cast(float, 0x7FFFFFFFU) : x;
}
/// Clamps to [0, 1]; NaN gives +0.
template <typename T> T saturated(T x) { return x > T(0) ? (x < T(1) ? x : T(1)) : T(0); }

/// Consumes .rn, .rz, .rm or .rp; NearestEven when absent.
Rounding acceptRounding(Decoder &d);
Format formatOf(Type type);

} // namespace qvlsim
