#include "Isa/Rounding.h"

#include <bit>
#include <limits>

namespace qvlsim {

double decodeFloat(Format format, std::uint64_t bits) {
  if (format.mantissaBits == kF64.mantissaBits)
    return std::bit_cast<double>(bits);
  const std::uint64_t mantissa = bits & ((std::uint64_t{1} << format.mantissaBits) - 1);
  const std::uint64_t exponentMask = (std::uint64_t{1} << format.exponentBits) - 1;
  const auto exponent = static_cast<int>(bits >> format.mantissaBits & exponentMask);
  const bool negative = bits >> (format.bits() - 1) & 1;
  const auto width = static_cast<int>(format.mantissaBits);
  double value;
  if (static_cast<std::uint64_t>(exponent) == exponentMask && !format.finite)
    value = mantissa ? std::numeric_limits<double>::quiet_NaN()
                     : std::numeric_limits<double>::infinity();
  else if (format.finite && static_cast<std::uint64_t>(exponent) == exponentMask &&
           mantissa == (std::uint64_t{1} << format.mantissaBits) - 1)
    value = std::numeric_limits<double>::quiet_NaN();
  else if (exponent == 0)
    value = std::ldexp(static_cast<double>(mantissa), 1 - format.bias() - width);
  else
    value = std::ldexp(static_cast<double>(mantissa | std::uint64_t{1} << width),
                       exponent - format.bias() - width);
  return negative ? -value : value;
}

namespace {

/// The largest finite value of a format, and its infinity (or the NaN of a format without one),
/// without a sign.
struct Extremes {
  std::uint64_t largest, infinity;

  explicit Extremes(Format format) {
    const std::uint64_t ones = (std::uint64_t{1} << format.mantissaBits) - 1;
    const std::uint64_t top = ((std::uint64_t{1} << format.exponentBits) - 1)
                              << format.mantissaBits;
    largest = format.finite ? top | (ones - 1) : top - 1;
    infinity = format.finite ? top | ones : top;
  }
};

/// mantissa * 2^(exponent - 52), the mantissa with its leading one in bit 52.
struct Normalised {
  std::uint64_t mantissa;
  int exponent;

  /// Of a double that is finite and not zero.
  explicit Normalised(std::uint64_t bits)
      : mantissa(bits & ((std::uint64_t{1} << 52) - 1)),
        exponent(static_cast<int>(bits >> 52 & 0x7FF) - 1023) {
    if (exponent != -1023) {
      mantissa |= std::uint64_t{1} << 52;
      return;
    }
    const int shift = std::countl_zero(mantissa) - 11;
    mantissa <<= shift;
    exponent = -1022 - shift;
  }
};

/// Whether what lies beyond the kept bits makes a value one step larger in size. `half`: the first
/// dropped bit; `sticky`: whether one of the others is set.
bool roundsUp(Rounding rounding, bool negative, bool odd, bool half, bool sticky) {
  switch (rounding) {
  case Rounding::NearestEven:
    return half && (sticky || odd);
  case Rounding::NearestAway:
    return half;
  case Rounding::Zero:
    return false;
  case Rounding::Down:
    return negative && (half || sticky);
  case Rounding::Up:
    return !negative && (half || sticky);
  }
  return false;
}

/// Whether values beyond the largest finite one round to infinity.
bool overflows(Rounding rounding, bool negative) {
  return rounding == Rounding::NearestEven || rounding == Rounding::NearestAway ||
         rounding == (negative ? Rounding::Down : Rounding::Up);
}

/// The value's size in the format, exponent and mantissa, rounded; beyond the largest finite one
/// where it overflows.
std::uint64_t roundedSize(Format format, Normalised value, bool negative, Rounding rounding) {
  const unsigned width = format.mantissaBits;
  int drop = 52 - static_cast<int>(width);
  int biased = value.exponent + format.bias();
  if (biased <= 0) { // subnormal in the format
    drop += 1 - biased;
    biased = 0;
  }
  const bool gone = drop > 53; // below half of the smallest step
  const std::uint64_t kept = gone ? 0 : value.mantissa >> drop;
  const bool half = !gone && drop >= 1 && (value.mantissa >> (drop - 1) & 1);
  const bool sticky =
      gone || (drop > 1 && (value.mantissa & ((std::uint64_t{1} << (drop - 1)) - 1)) != 0);
  // A carry out of the mantissa runs into the exponent, as it should.
  return (biased > 0 ? static_cast<std::uint64_t>(biased - 1) << width : 0) + kept +
         roundsUp(rounding, negative, kept & 1, half, sticky);
}

} // namespace

std::uint64_t encodeFloat(Format format, double value, Rounding rounding, bool saturateFinite) {
  const auto bits = std::bit_cast<std::uint64_t>(value);
  if (format.mantissaBits == kF64.mantissaBits)
    return bits;
  const Extremes extremes(format);
  if (std::isnan(value)) // all ones, positive
    return extremes.infinity | ((std::uint64_t{1} << format.mantissaBits) - 1);
  const bool negative = bits >> 63;
  const std::uint64_t sign = std::uint64_t{negative} << (format.bits() - 1);
  if (std::isinf(value))
    return sign | (saturateFinite ? extremes.largest : extremes.infinity);
  if (value == 0)
    return sign;
  const std::uint64_t size = roundedSize(format, Normalised(bits), negative, rounding);
  if (size <= extremes.largest)
    return sign | size;
  const bool infinite = overflows(rounding, negative) && !saturateFinite;
  return sign | (infinite ? extremes.infinity : extremes.largest);
}

namespace {

/// Moves the last bit of a rounded result so that an inexact one is odd.
double toOdd(double rounded, double error) {
  auto bits = std::bit_cast<std::uint64_t>(rounded);
  if (error == 0 || !std::isfinite(rounded) || (bits & 1))
    return rounded;
  // Away from zero when the error has the sign of the value, else towards it; both are odd.
  bool outward = (error > 0) == (rounded > 0);
  return std::bit_cast<double>(outward ? bits + 1 : bits - 1);
}

} // namespace

double addRoundedToOdd(double a, double b) {
  double sum = a + b;
  if (!std::isfinite(sum))
    return sum;
  double bVirtual = sum - a, aVirtual = sum - bVirtual;
  double error = (a - aVirtual) + (b - bVirtual);
  return toOdd(sum, error);
}

double multiplyRoundedToOdd(double a, double b) {
  double product = a * b;
  return std::isfinite(product) ? toOdd(product, std::fma(a, b, -product)) : product;
}

double integerRoundedToOdd(std::uint64_t value) {
  int extra = 64 - std::countl_zero(value | 1) - 53;
  if (extra <= 0)
    return static_cast<double>(value);
  std::uint64_t kept = value >> extra;
  bool sticky = (value & ((std::uint64_t{1} << extra) - 1)) != 0;
  return std::ldexp(static_cast<double>(kept | (sticky ? 1 : 0)), extra);
}

Rounding acceptRounding(Decoder &d) {
  switch (d.optionalOf({"rn", "rz", "rm", "rp"})) {
  case 1:
    return Rounding::Zero;
  case 2:
    return Rounding::Down;
  case 3:
    return Rounding::Up;
  default:
    return Rounding::NearestEven;
  }
}

Format formatOf(Type type) {
  switch (type) {
  case Type::F16:
  case Type::F16x2:
    return kF16;
  case Type::BF16:
  case Type::BF16x2:
    return kBF16;
  case Type::TF32:
    return kTF32;
  case Type::F64:
    return kF64;
  case Type::E4M3:
  case Type::E4M3x2:
    return kE4M3;
  case Type::E5M2:
  case Type::E5M2x2:
    return kE5M2;
  default:
    return kF32;
  }
}

} // namespace qvlsim
