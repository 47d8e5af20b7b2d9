// f32 and f64 arithmetic (PTX ISA 9.0, section 9.7.3).
//
// All results are correctly rounded except those of Approximate.cpp.
#include "Isa/Float.h"

#include "Isa/Dispatch.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

namespace qvlsim {
namespace {

enum FloatOp : std::uint32_t { AddOp, SubOp, MulOp, FmaOp, DivOp, RcpOp, SqrtOp };

template <typename T> T flushIf(const Instruction &i, T x) {
  if constexpr (sizeof(T) == 4)
    return i.flushSubnormals ? flushed(x) : x;
  return x;
}
template <typename T> T finish(const Instruction &i, T x) {
  x = flushIf(i, x);
  if (i.saturate)
    return saturated(x);
  if constexpr (sizeof(T) == 4)
    return canonical(x);
  return x;
}

template <typename T, std::uint32_t kOp> T apply(T a, T b, T c) {
  switch (kOp) {
  case AddOp:
    return a + b;
  case SubOp:
    return a - b;
  case MulOp:
    return a * b;
  case FmaOp:
    return std::fma(a, b, c);
  case DivOp:
    return a / b;
  case RcpOp:
    return T(1) / a;
  default:
    return std::sqrt(a);
  }
}
constexpr std::size_t sourcesOf(std::uint32_t op) {
  return op == FmaOp ? 3 : op == RcpOp || op == SqrtOp ? 1 : 2;
}

constexpr bool hasPlainLanes(std::uint32_t op) { return op <= FmaOp; }

/// Bits of a result, whose NaN is the canonical one.
std::uint32_t resultBits(float x) { return x == x ? std::bit_cast<std::uint32_t>(x) : 0x7FFFFFFFU; }

/// fma.rn.f32 of all lanes. The machine's own instruction where it has one: the library's function
/// would be called for each lane. Results go through an array, as d may be one of the sources.
__attribute__((target_clones("arch=haswell", "default"))) void fuseLanes(std::uint32_t *d,
                                                                         const std::uint32_t *a,
                                                                         const std::uint32_t *b,
                                                                         const std::uint32_t *c) {
  std::uint32_t out[kWarpSize];
  for (unsigned lane = 0; lane < kWarpSize; ++lane)
    out[lane] =
        resultBits(__builtin_fmaf(std::bit_cast<float>(a[lane]), std::bit_cast<float>(b[lane]),
                                  std::bit_cast<float>(c[lane])));
  std::copy(out, out + kWarpSize, d);
}

/// The operations without modifiers on a full warp, f32, in loops that the compiler vectorises.
template <std::uint32_t kOp>
void plainLanes(std::uint32_t *d, const std::uint32_t *a, const std::uint32_t *b,
                const std::uint32_t *c) {
  if constexpr (kOp == FmaOp)
    return fuseLanes(d, a, b, c);
  std::uint32_t out[kWarpSize];
  for (unsigned lane = 0; lane < kWarpSize; ++lane)
    out[lane] =
        resultBits(apply<float, kOp>(std::bit_cast<float>(a[lane]), std::bit_cast<float>(b[lane]),
                                     std::bit_cast<float>(c[lane])));
  std::copy(out, out + kWarpSize, d);
}

// The loop reads and writes memory between the changes of the rounding mode, and the barriers keep
// the compiler from moving arithmetic out of it.
template <typename T, std::uint32_t kOp>
Step floatHandler(Warp &warp, const Instruction &i, LaneMask mask) {
  constexpr std::size_t kSources = sourcesOf(kOp);
  auto *d = laneArray<T>(warp, i.operands[0]);
  const auto *a = laneArray<T>(warp, i.operands[1]);
  const auto *b = laneArray<T>(warp, i.operands[kSources >= 2 ? 2 : 1]);
  const auto *c = laneArray<T>(warp, i.operands[kSources >= 3 ? 3 : 1]);
  const bool directed = i.rounding != 0;
  if constexpr (sizeof(T) == 4 && hasPlainLanes(kOp))
    if (!directed && mask == kAllLanes && !i.flushSubnormals && !i.saturate) {
      plainLanes<kOp>(d, a, b, c);
      return Step::Next;
    }
  withRounding(static_cast<Rounding>(i.rounding), [&] {
    forLanes(mask, [&](unsigned lane) {
      T x = flushIf(i, fromLane<T>(a[lane])), y = flushIf(i, fromLane<T>(b[lane])),
        z = flushIf(i, fromLane<T>(c[lane]));
      T result = directed ? opaque(apply<T, kOp>(opaque(x), opaque(y), opaque(z)))
                          : apply<T, kOp>(x, y, z);
      d[lane] = toLane<T>(finish(i, result));
    });
  });
  return Step::Next;
}

template <std::uint32_t kOp> Handler pick(Type type) {
  return type == Type::F64 ? Handler(floatHandler<double, kOp>) : Handler(floatHandler<float, kOp>);
}
Handler handlerOf(std::uint32_t op, Type type) {
  switch (op) {
  case AddOp:
    return pick<AddOp>(type);
  case SubOp:
    return pick<SubOp>(type);
  case MulOp:
    return pick<MulOp>(type);
  case FmaOp:
    return pick<FmaOp>(type);
  case DivOp:
    return pick<DivOp>(type);
  case RcpOp:
    return pick<RcpOp>(type);
  default:
    return pick<SqrtOp>(type);
  }
}

/// Packed pairs of f32 (add, sub, mul, fma .f32x2).
template <std::uint32_t kOp> Step pairHandler(Warp &warp, const Instruction &i, LaneMask mask) {
  constexpr std::size_t kSources = sourcesOf(kOp);
  withRounding(static_cast<Rounding>(i.rounding), [&] {
    forLanes(mask, [&](unsigned lane) {
      std::uint64_t result = 0;
      for (unsigned half = 0; half < 2; ++half) {
        float v[3] = {0, 0, 0};
        for (std::size_t s = 0; s < kSources; ++s)
          v[s] = opaque(flushIf(
              i, std::bit_cast<float>(static_cast<std::uint32_t>(
                     readLane<std::uint64_t>(warp, i.operands[1 + s], lane) >> (32 * half)))));
        float r = finish(i, opaque(apply<float, kOp>(v[0], v[1], v[2])));
        result |= std::uint64_t{std::bit_cast<std::uint32_t>(r)} << (32 * half);
      }
      writeLane<std::uint64_t>(warp, i.operands[0], lane, result);
    });
  });
  return Step::Next;
}

std::uint32_t opOf(Decoder &d) {
  std::string_view opcode = d.statement().opcode;
  return opcode == "add"                      ? AddOp
         : opcode == "sub"                    ? SubOp
         : opcode == "mul"                    ? MulOp
         : opcode == "fma" || opcode == "mad" ? FmaOp
         : opcode == "div"                    ? DivOp
         : opcode == "rcp"                    ? RcpOp
                                              : SqrtOp;
}

bool needsRounding(std::string_view opcode) {
  return opcode == "fma" || opcode == "div" || opcode == "rcp" || opcode == "sqrt";
}

absl::Status decodeRounded(Decoder &d, std::uint32_t op, bool explicitRounding) {
  d.out.instructionClass = InstructionClass::Float;
  d.out.flushSubnormals = d.accept("ftz");
  d.out.saturate = d.accept("sat");
  bool multiplication = op <= FmaOp;
  d.out.type =
      multiplication ? d.type({Type::F32, Type::F64, Type::F32x2}) : d.type({Type::F32, Type::F64});
  if (d.out.type == Type::F64 && (d.out.flushSubnormals || d.out.saturate))
    d.fail(".ftz and .sat are for .f32 only");
  if (!explicitRounding && needsRounding(d.statement().opcode))
    d.fail("rounding mode expected");
  plainOperands(d, d.out.type, sourcesOf(op));
  if (d.out.type == Type::F32x2)
    d.out.handler = op == AddOp   ? pairHandler<AddOp>
                    : op == SubOp ? pairHandler<SubOp>
                    : op == MulOp ? pairHandler<MulOp>
                                  : pairHandler<FmaOp>;
  else
    d.out.handler = handlerOf(op, d.out.type);
  return absl::OkStatus();
}

} // namespace

absl::Status decodeFloatArithmetic(Decoder &d) {
  Type type = *typeFromName(d.statement().modifiers.back());
  if (type != Type::F32 && type != Type::F64 && type != Type::F32x2)
    return decodeHalfArithmetic(d);
  if (d.peek() == "approx" || d.peek() == "full")
    return decodeApproximate(d);
  std::string_view before = d.peek();
  d.out.rounding = static_cast<std::uint8_t>(acceptRounding(d));
  // add.f32 with another source type (add.f32.f16 of PTX 8.6 mixes precisions).
  return decodeRounded(d, opOf(d), before != d.peek());
}

namespace {

struct MinMax {
  template <typename T> static T pick(const Instruction &i, T a, T b, bool wantMin) {
    a = flushIf(i, a);
    b = flushIf(i, b);
    if (std::isnan(a) || std::isnan(b)) {
      bool both = std::isnan(a) && std::isnan(b);
      if (i.saturate || both) // .NaN
        return std::numeric_limits<T>::quiet_NaN();
      return std::isnan(a) ? b : a;
    }
    bool less = a < b || (a == b && std::signbit(a) && !std::signbit(b));
    return wantMin == less ? a : b;
  }
};

// i.variant: 1 min; i.variant2: 1 .xorsign.abs; i.saturate: .NaN. Two or three sources.
template <typename T> Step minMaxHandler(Warp &warp, const Instruction &i, LaneMask mask) {
  forLanes(mask, [&](unsigned lane) {
    T result = readLane<T>(warp, i.operands[1], lane);
    bool sign = std::signbit(result);
    if (i.variant2)
      result = std::fabs(result);
    for (unsigned k = 2; k < i.operandCount; ++k) {
      T next = readLane<T>(warp, i.operands[k], lane);
      sign ^= std::signbit(next);
      result = MinMax::pick(i, result, i.variant2 ? std::fabs(next) : next, i.variant == 1);
    }
    if (i.variant2 && !std::isnan(result))
      result = std::copysign(result, sign ? T(-1) : T(1));
    if constexpr (sizeof(T) == 4)
      result = canonical(result);
    writeLane<T>(warp, i.operands[0], lane, result);
  });
  return Step::Next;
}

template <typename T, bool kAbs> Step signHandler(Warp &warp, const Instruction &i, LaneMask mask) {
  auto *d = laneArray<T>(warp, i.operands[0]);
  const auto *a = laneArray<T>(warp, i.operands[1]);
  forLanes(mask, [&](unsigned lane) {
    T x = flushIf(i, fromLane<T>(a[lane]));
    d[lane] = toLane<T>(kAbs ? std::fabs(x) : -x);
  });
  return Step::Next;
}

// copysign d, a, b: the sign of a on the magnitude of b.
template <typename T> Step copySignHandler(Warp &warp, const Instruction &i, LaneMask mask) {
  forLanes(mask, [&](unsigned lane) {
    writeLane<T>(warp, i.operands[0], lane,
                 std::copysign(readLane<T>(warp, i.operands[2], lane),
                               readLane<T>(warp, i.operands[1], lane)));
  });
  return Step::Next;
}
absl::Status decodeCopySign(Decoder &d) {
  d.out.instructionClass = InstructionClass::Float;
  Type type = d.type({Type::F32, Type::F64});
  plainOperands(d, type, 2);
  d.out.handler = type == Type::F64 ? copySignHandler<double> : copySignHandler<float>;
  return absl::OkStatus();
}

enum Property { Finite, Infinite, Number, NotANumber, Normal, Subnormal };
template <typename T> Step testHandler(Warp &warp, const Instruction &i, LaneMask mask) {
  LaneMask result = 0;
  forLanes(mask, [&](unsigned lane) {
    T x = readLane<T>(warp, i.operands[1], lane);
    bool holds = false;
    switch (i.variant) {
    case Finite:
      holds = std::isfinite(x);
      break;
    case Infinite:
      holds = std::isinf(x);
      break;
    case Number:
      holds = !std::isnan(x);
      break;
    case NotANumber:
      holds = std::isnan(x);
      break;
    case Normal:
      holds = std::fpclassify(x) == FP_NORMAL;
      break;
    default:
      holds = std::fpclassify(x) == FP_SUBNORMAL;
      break;
    }
    result |= LaneMask{holds} << lane;
  });
  warp.setPredicate(i.operands[0], mask, result);
  return Step::Next;
}
absl::Status decodeTestp(Decoder &d) {
  d.out.instructionClass = InstructionClass::Float;
  d.out.variant = static_cast<std::uint32_t>(
      d.oneOf({"finite", "infinite", "number", "notanumber", "normal", "subnormal"}));
  Type type = d.type({Type::F32, Type::F64});
  d.expectOperands(2);
  d.predicateDestination(0, false);
  d.source(1, type);
  d.out.handler = type == Type::F64 ? testHandler<double> : testHandler<float>;
  return absl::OkStatus();
}

absl::Status decodeFma(Decoder &d) {
  return isFloatForm(d, d.statement()) ? decodeFloatArithmetic(d)
                                       : (d.type({Type::F32}), absl::OkStatus());
}

} // namespace

absl::Status decodeFloatMinMax(Decoder &d) {
  Type type = *typeFromName(d.statement().modifiers.back());
  if (type != Type::F32 && type != Type::F64)
    return decodeHalfMinMax(d);
  d.out.instructionClass = InstructionClass::Float;
  d.out.variant = d.statement().opcode == "min";
  d.out.flushSubnormals = d.accept("ftz");
  d.out.saturate = d.accept("NaN");
  d.out.variant2 = d.accept("xorsign") ? (d.oneOf({"abs"}), 1) : 0;
  d.type({type});
  if (type == Type::F64 && (d.out.flushSubnormals || d.out.saturate || d.out.variant2))
    d.fail("modifiers of .f32 on .f64");
  bool three = d.operandCount() == 4 && type == Type::F32;
  plainOperands(d, type, three ? 3 : 2);
  d.out.handler = type == Type::F64 ? minMaxHandler<double> : minMaxHandler<float>;
  return absl::OkStatus();
}

absl::Status decodeFloatUnary(Decoder &d) {
  Type type = *typeFromName(d.statement().modifiers.back());
  if (type != Type::F32 && type != Type::F64)
    return decodeHalfUnary(d);
  d.out.instructionClass = InstructionClass::Float;
  d.out.flushSubnormals = d.accept("ftz");
  d.type({type});
  plainOperands(d, type, 1);
  bool abs = d.statement().opcode == "abs";
  d.out.handler = type == Type::F64 ? (abs ? signHandler<double, true> : signHandler<double, false>)
                                    : (abs ? signHandler<float, true> : signHandler<float, false>);
  return absl::OkStatus();
}

void addFloatInstructions(InstructionTable &table) {
  table.add("fma", decodeFma);
  table.add("rcp", decodeFma);
  table.add("sqrt", decodeFma);
  table.add("copysign", decodeCopySign);
  table.add("testp", decodeTestp);
}

} // namespace qvlsim
