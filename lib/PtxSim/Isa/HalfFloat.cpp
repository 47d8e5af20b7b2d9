// f16 and bf16 arithmetic, scalar and packed (PTX ISA 9.0, section 9.7.4).
#include "Isa/Dispatch.h"
#include "Isa/Float.h"

namespace qvlsim {
namespace {

using U32 = std::uint32_t;
enum HalfOp : U32 { AddOp, SubOp, MulOp, FmaOp, MinOp, MaxOp, AbsOp, NegOp };

bool isPacked(Type type) { return type == Type::F16x2 || type == Type::BF16x2; }

/// One element. `variant2` bit 0: .relu, bit 1: .NaN, bit 2: .xorsign.abs.
struct Element {
  const Instruction &i;
  Format format;

  double load(U32 bits) const {
    double value = decodeFloat(format, bits);
    bool subnormal = std::fabs(value) < 0x1p-14 && value != 0;
    return i.flushSubnormals && format.exponentBits == 5 && subnormal ? std::copysign(0.0, value)
                                                                      : value;
  }
  U32 store(double value) const {
    if (i.saturate)
      value = saturated(value);
    if (i.variant2 & 1)
      value = value < 0 ? 0.0 : value; // .relu keeps NaN
    auto bits = static_cast<U32>(encodeFloat(format, value));
    if (i.flushSubnormals && format.exponentBits == 5 && (bits & 0x7C00) == 0)
      bits &= 0x8000;
    return bits;
  }
  U32 minMax(U32 abits, U32 bbits) const {
    double a = load(abits), b = load(bbits);
    bool sign = ((abits ^ bbits) & 0x8000) != 0, absolute = i.variant2 & 4;
    if (absolute) {
      a = std::fabs(a);
      b = std::fabs(b);
    }
    double result;
    if (std::isnan(a) || std::isnan(b))
      result = (i.variant2 & 2) || (std::isnan(a) && std::isnan(b)) ? NAN : std::isnan(a) ? b : a;
    else
      result = ((a < b || (a == b && std::signbit(a))) == (i.variant == MinOp)) ? a : b;
    if (absolute && !std::isnan(result))
      result = sign ? -result : result;
    return store(result);
  }
  U32 operator()(U32 a, U32 b, U32 c) const {
    switch (i.variant) {
    case AddOp:
      return store(addRoundedToOdd(load(a), load(b)));
    case SubOp:
      return store(addRoundedToOdd(load(a), -load(b)));
    case MulOp:
      return store(load(a) * load(b)); // at most 22 bits: exact
    case FmaOp:
      return store(addRoundedToOdd(load(a) * load(b), load(c)));
    case MinOp:
    case MaxOp:
      return minMax(a, b);
    case AbsOp:
      return flushBits(a) & 0x7FFF;
    default:
      return flushBits(a) ^ 0x8000;
    }
  }
  U32 flushBits(U32 bits) const {
    return i.flushSubnormals && (bits & 0x7C00) == 0 ? bits & 0x8000 : bits;
  }
};

// One to three sources in operands[1...].
Step halfHandler(Warp &warp, const Instruction &i, LaneMask mask) {
  const Element element{i, formatOf(i.type)};
  const unsigned halves = isPacked(i.type) ? 2 : 1;
  forLanes(mask, [&](unsigned lane) {
    U32 source[3] = {0, 0, 0}, result = 0;
    for (unsigned s = 1; s < i.operandCount; ++s)
      source[s - 1] = readLane<U32>(warp, i.operands[s], lane);
    for (unsigned h = 0; h < halves; ++h) {
      unsigned at = 16 * h;
      U32 value =
          element(source[0] >> at & 0xFFFF, source[1] >> at & 0xFFFF, source[2] >> at & 0xFFFF);
      if (i.variant <= MaxOp && i.operandCount == 4 && i.variant >= MinOp)
        value = element(value, source[2] >> at & 0xFFFF, 0);
      result |= (value & 0xFFFF) << at;
    }
    writeLane<U32>(warp, i.operands[0], lane, result);
  });
  return Step::Next;
}

const std::initializer_list<Type> kHalves = {Type::F16, Type::F16x2, Type::BF16, Type::BF16x2};

void halfOperands(Decoder &d, std::size_t sources) {
  d.out.instructionClass = InstructionClass::Float;
  d.out.type = d.type(kHalves);
  // Scalars live in 16-bit registers, pairs in 32-bit ones.
  plainOperands(d, isPacked(d.out.type) ? Type::B32 : Type::B16, sources);
  d.out.handler = halfHandler;
}

} // namespace

absl::Status decodeHalfArithmetic(Decoder &d) {
  std::string_view opcode = d.statement().opcode;
  bool fma = opcode == "fma";
  if (!fma && opcode != "add" && opcode != "sub" && opcode != "mul")
    d.fail("this operation has no half-precision form");
  bool rounded = d.accept("rn");
  if (fma && !rounded)
    d.fail("rounding mode .rn expected");
  d.out.flushSubnormals = d.accept("ftz");
  d.out.saturate = d.accept("sat");
  if (fma && d.accept("relu"))
    d.out.variant2 = 1;
  d.out.variant = opcode == "add"   ? AddOp
                  : opcode == "sub" ? SubOp
                  : opcode == "mul" ? MulOp
                                    : FmaOp;
  halfOperands(d, fma ? 3 : 2);
  return absl::OkStatus();
}

absl::Status decodeHalfMinMax(Decoder &d) {
  d.out.variant = d.statement().opcode == "min" ? MinOp : MaxOp;
  d.out.flushSubnormals = d.accept("ftz");
  d.out.variant2 = d.accept("NaN") ? 2 : 0;
  if (d.accept("xorsign")) {
    d.oneOf({"abs"});
    d.out.variant2 |= 4;
  }
  halfOperands(d, d.operandCount() == 4 ? 3 : 2);
  return absl::OkStatus();
}

absl::Status decodeHalfUnary(Decoder &d) {
  d.out.variant = d.statement().opcode == "abs" ? AbsOp : NegOp;
  d.out.flushSubnormals = d.accept("ftz");
  halfOperands(d, 1);
  return absl::OkStatus();
}

} // namespace qvlsim
