// cvt (PTX ISA 9.0, section 9.7.9.21); every result is exact or rounded once.
#include "Isa/Dispatch.h"
#include "Isa/Rounding.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

namespace qvlsim {
namespace {

using U32 = std::uint32_t;
using U64 = std::uint64_t;

// Instruction::variant bits.
enum Flags : U32 { Relu = 1, SatFinite = 2, IntegerRounding = 4 };

bool isNarrowPair(Type type) { return type == Type::E4M3x2 || type == Type::E5M2x2; }
bool isPair(Type type) { return type == Type::F16x2 || type == Type::BF16x2 || isNarrowPair(type); }

double flushSource(const Instruction &i, double value, Type type) {
  bool subnormal = type == Type::F32 && value != 0 && std::fabs(value) < 0x1p-126;
  return i.flushSubnormals && subnormal ? std::copysign(0.0, value) : value;
}

double roundToInteger(double value, Rounding rounding) {
  switch (rounding) {
  case Rounding::Zero:
    return std::trunc(value);
  case Rounding::Down:
    return std::floor(value);
  case Rounding::Up:
    return std::ceil(value);
  default:
    return std::nearbyint(value); // ties to even in the default mode
  }
}

/// Float to a floating format, with .sat, .relu and integer rounding.
U64 toFormat(const Instruction &i, double value, Type type) {
  if (i.variant & IntegerRounding)
    value = roundToInteger(value, static_cast<Rounding>(i.rounding));
  if (i.saturate)
    value = saturated(value);
  if ((i.variant & Relu) && value <= 0)
    value = 0;
  U64 bits =
      encodeFloat(formatOf(type), value, static_cast<Rounding>(i.rounding), i.variant & SatFinite);
  bool subnormal = type == Type::F32 && (bits & 0x7F800000) == 0;
  return i.flushSubnormals && subnormal ? bits & 0x80000000 : bits;
}

struct IntegerRange {
  unsigned bits;
  bool isSigned;
};
IntegerRange rangeOf(Type type) { return {byteSize(type) * 8, isSigned(type)}; }

/// Float to integer: rounded, then clamped to the type; NaN as the ISA says.
U64 floatToInteger(const Instruction &i, double value) {
  auto [bits, negative] = rangeOf(i.type);
  if (std::isnan(value)) {
    bool zero = i.sourceType != Type::F64 && bits != 64;
    return zero ? 0 : U64{1} << (bits - 1);
  }
  value = roundToInteger(value, static_cast<Rounding>(i.rounding));
  if (negative) {
    double limit = std::ldexp(1.0, static_cast<int>(bits) - 1);
    if (value >= limit)
      return (U64{1} << (bits - 1)) - 1;
    if (value < -limit)
      return ~U64{0} << (bits - 1);
    return static_cast<U64>(static_cast<std::int64_t>(value));
  }
  if (value <= 0)
    return 0;
  if (value >= std::ldexp(1.0, static_cast<int>(bits)))
    return bits == 64 ? ~U64{0} : (U64{1} << bits) - 1;
  return static_cast<U64>(value);
}

/// Sign- or zero-extended source integer, as a 64-bit two's complement.
U64 sourceInteger(U64 raw, Type type) {
  auto [bits, negative] = rangeOf(type);
  if (bits == 64)
    return raw;
  U64 value = raw & ((U64{1} << bits) - 1);
  return negative && value >> (bits - 1) ? value | ~U64{0} << bits : value;
}

U64 integerToInteger(const Instruction &i, U64 raw) {
  U64 value = sourceInteger(raw, i.sourceType);
  auto [bits, negative] = rangeOf(i.type);
  if (!i.saturate)
    return value;
  const bool below = isSigned(i.sourceType) && static_cast<std::int64_t>(value) < 0;
  if (negative) {
    U64 top = (U64{1} << (bits - 1)) - 1;
    if (below)
      return static_cast<std::int64_t>(value) < -static_cast<std::int64_t>(top) - 1 ? ~top : value;
    return std::min(value, top);
  }
  if (below)
    return 0;
  return bits == 64 ? value : std::min(value, (U64{1} << bits) - 1);
}

double roundedToDouble(U64 magnitude, bool negative, Rounding rounding) {
  int extra = 64 - std::countl_zero(magnitude | 1) - 53;
  double value;
  if (extra <= 0) {
    value = static_cast<double>(magnitude);
  } else {
    U64 kept = magnitude >> extra, rest = magnitude & ((U64{1} << extra) - 1),
        half = U64{1} << (extra - 1);
    bool up = rounding == Rounding::NearestEven ? rest > half || (rest == half && (kept & 1))
              : rounding == Rounding::Zero ? false
                                           : rest != 0 && (rounding == Rounding::Up) != negative;
    value = std::ldexp(static_cast<double>(kept + up), extra);
  }
  return negative ? -value : value;
}

U64 integerToFloat(const Instruction &i, U64 raw) {
  U64 value = sourceInteger(raw, i.sourceType);
  bool negative = isSigned(i.sourceType) && static_cast<std::int64_t>(value) < 0;
  U64 magnitude = negative ? 0 - value : value;
  if (i.type == Type::F64)
    return std::bit_cast<U64>(
        roundedToDouble(magnitude, negative, static_cast<Rounding>(i.rounding)));
  double odd = integerRoundedToOdd(magnitude);
  return toFormat(i, negative ? -odd : odd, i.type);
}

/// Result bits that fill a register wider than the type: sign- or zero-extended.
void writeResult(Warp &warp, const Instruction &i, unsigned lane, U64 bits) {
  if (isInteger(i.type))
    bits = sourceInteger(bits, i.type);
  writeLane64(warp, i.operands[0], lane, bits);
}

Step scalarHandler(Warp &warp, const Instruction &i, LaneMask mask) {
  const bool fromInteger = isInteger(i.sourceType), toInteger = isInteger(i.type);
  const Format source = formatOf(i.sourceType);
  forLanes(mask, [&](unsigned lane) {
    U64 raw = readLane64(warp, i.operands[1], lane);
    U64 bits;
    if (fromInteger) {
      bits = toInteger ? integerToInteger(i, raw) : integerToFloat(i, raw);
    } else {
      unsigned width = source.bits() == 64 ? 64 : i.sourceType == Type::TF32 ? 32 : source.bits();
      double value = flushSource(
          i, decodeFloat(source, width == 64 ? raw : raw & ((U64{1} << width) - 1)), i.sourceType);
      bits = toInteger ? floatToInteger(i, value) : toFormat(i, value, i.type);
    }
    writeResult(warp, i, lane, bits);
  });
  return Step::Next;
}

Step pairHandler(Warp &warp, const Instruction &i, LaneMask mask) {
  const unsigned to = formatOf(i.type).bits(), from = formatOf(i.sourceType).bits();
  const bool twoSources = i.operandCount == 3; // a is the upper half
  forLanes(mask, [&](unsigned lane) {
    double high, low;
    if (twoSources) {
      high = readLane<float>(warp, i.operands[1], lane);
      low = readLane<float>(warp, i.operands[2], lane);
    } else {
      U32 raw = readLane<U32>(warp, i.operands[1], lane);
      high = decodeFloat(formatOf(i.sourceType), raw >> from & ((1U << from) - 1));
      low = decodeFloat(formatOf(i.sourceType), raw & ((1U << from) - 1));
    }
    auto bits = static_cast<U32>(toFormat(i, high, i.type) << to | toFormat(i, low, i.type));
    writeLane<U32>(warp, i.operands[0], lane, bits);
  });
  return Step::Next;
}

// cvt.rna.tf32.f32 and .rn, .rz: an f32 pattern with the low mantissa bits zero.
Step tf32Handler(Warp &warp, const Instruction &i, LaneMask mask) {
  forLanes(mask, [&](unsigned lane) {
    double value = readLane<float>(warp, i.operands[1], lane);
    writeLane<U32>(warp, i.operands[0], lane,
                   static_cast<U32>(toFormat(i, value, Type::TF32) << 13));
  });
  return Step::Next;
}

// cvt.pack.sat.ctype.s32{.b32}: operands a, b saturated; c (if any) shifted up.
Step packHandler(Warp &warp, const Instruction &i, LaneMask mask) {
  const unsigned bits = byteSize(i.type) * 8;
  auto clamp = [&](std::int32_t v) {
    std::int64_t low = isSigned(i.type) ? -(std::int64_t{1} << (bits - 1)) : 0;
    std::int64_t high =
        isSigned(i.type) ? (std::int64_t{1} << (bits - 1)) - 1 : (std::int64_t{1} << bits) - 1;
    return static_cast<U32>(std::clamp<std::int64_t>(v, low, high)) & ((1U << bits) - 1);
  };
  forLanes(mask, [&](unsigned lane) {
    U32 c = i.operandCount == 4 ? readLane<U32>(warp, i.operands[3], lane) : 0;
    U32 result = clamp(readLane<std::int32_t>(warp, i.operands[1], lane)) << bits |
                 clamp(readLane<std::int32_t>(warp, i.operands[2], lane));
    writeLane<U32>(warp, i.operands[0], lane, bits == 8 ? result | c << 16 : result);
  });
  return Step::Next;
}

absl::Status decodePack(Decoder &d) {
  d.out.instructionClass = InstructionClass::Convert;
  d.oneOf({"sat"});
  d.out.type = d.type({Type::U16, Type::S16, Type::U8, Type::S8});
  d.type({Type::S32});
  bool third = d.accept("b32");
  plainOperands(d, Type::B32, third ? 3 : 2);
  d.out.handler = packHandler;
  return absl::OkStatus();
}

/// Rounding, .ftz, .sat, .relu, .satfinite in whatever order the forms have them.
bool acceptModes(Decoder &d) {
  bool rounded = false;
  static constexpr std::string_view kRoundings[] = {"rn", "rz", "rm", "rp", "rna"};
  static constexpr std::string_view kInteger[] = {"rni", "rzi", "rmi", "rpi"};
  for (;;) {
    bool progress = false;
    for (std::uint8_t r = 0; r < std::size(kRoundings); ++r)
      if (!rounded && d.accept(kRoundings[r])) {
        d.out.rounding = r;
        progress = rounded = true;
      }
    for (std::uint8_t r = 0; r < std::size(kInteger); ++r)
      if (!rounded && d.accept(kInteger[r])) {
        d.out.rounding = r;
        d.out.variant |= IntegerRounding;
        progress = rounded = true;
      }
    if (!d.out.flushSubnormals && d.accept("ftz"))
      d.out.flushSubnormals = progress = true;
    if (!d.out.saturate && d.accept("sat"))
      d.out.saturate = progress = true;
    if (!(d.out.variant & Relu) && d.accept("relu"))
      d.out.variant |= Relu, progress = true;
    if (!(d.out.variant & SatFinite) && d.accept("satfinite"))
      d.out.variant |= SatFinite, progress = true;
    if (!progress)
      return rounded;
  }
}

/// Whether a conversion loses nothing, so that no rounding mode is needed.
bool widens(Type to, Type from) {
  Format t = formatOf(to), f = formatOf(from);
  return t.mantissaBits >= f.mantissaBits && t.exponentBits >= f.exponentBits;
}

void checkModes(Decoder &d, bool rounded) {
  const Type to = d.out.type, from = d.out.sourceType;
  const bool integerRounding = d.out.variant & IntegerRounding;
  if (isInteger(to) && !isInteger(from)) {
    if (!integerRounding)
      d.fail("a conversion to an integer needs .rni, .rzi, .rmi or .rpi");
  } else if (isInteger(to)) {
    if (rounded)
      d.fail("a conversion between integers has no rounding");
  } else if (integerRounding) {
    if (to != from)
      d.fail("integer rounding is for conversions between equal floating types and to integers");
  } else if (!rounded && (isInteger(from) || !widens(to, from))) {
    d.fail("rounding mode expected");
  } else if (rounded && !isInteger(from) && to == from) {
    d.fail("a conversion of equal types has no rounding but to integers");
  }
}

Type storageOf(Type type) {
  if (isNarrowPair(type))
    return Type::B16;
  if (isPair(type) || type == Type::TF32)
    return Type::B32;
  return type;
}

absl::Status decodeCvt(Decoder &d) {
  d.out.instructionClass = InstructionClass::Convert;
  bool rounded = acceptModes(d);
  d.out.type = d.type();
  d.out.sourceType = d.type();
  const Type to = d.out.type, from = d.out.sourceType;
  if (isPair(to)) {
    bool fromSingle = from == Type::F32;
    bool ok = fromSingle || (isNarrowPair(to) && (from == Type::F16x2)) ||
              (to == Type::F16x2 && isNarrowPair(from));
    if (!ok || !rounded)
      d.fail(ok ? "rounding mode expected" : "no such conversion");
    d.expectOperands(fromSingle ? 3 : 2);
    d.destination(0, storageOf(to));
    d.source(1, storageOf(from));
    if (fromSingle)
      d.source(2, Type::F32);
    d.out.handler = pairHandler;
    return absl::OkStatus();
  }
  if (to == Type::TF32) {
    if (from != Type::F32 || !rounded)
      d.fail("no such conversion");
    plainOperands(d, Type::B32, 1);
    d.out.handler = tf32Handler;
    return absl::OkStatus();
  }
  auto scalar = [](Type type) {
    return isInteger(type) || type == Type::F16 || type == Type::BF16 || type == Type::F32 ||
           type == Type::F64;
  };
  if (!scalar(to) || !scalar(from))
    d.fail("no such conversion");
  checkModes(d, rounded);
  d.expectOperands(2);
  d.destination(0, to, isInteger(to));
  d.source(1, from, isInteger(from));
  d.out.handler = scalarHandler;
  return absl::OkStatus();
}

} // namespace

void addConvertInstructions(InstructionTable &table) {
  table.add("cvt", decodeCvt);
  table.add("cvt.pack", decodePack);
}

} // namespace qvlsim
