// setp, set, selp, slct (PTX ISA 9.0, section 9.7.6).
#include "Isa/Dispatch.h"
#include "Isa/Rounding.h"

namespace qvlsim {
namespace {

// Comparisons as sets of outcomes: bit 0 less, 1 equal, 2 greater, 3 unordered.
struct Comparison {
  std::string_view name;
  unsigned outcomes;
};
constexpr Comparison kComparisons[] = {
    {"eq", 2},  {"ne", 5},   {"lt", 1},   {"le", 3},   {"gt", 4},   {"ge", 6},
    {"lo", 1},  {"ls", 3},   {"hi", 4},   {"hs", 6},   {"equ", 10}, {"neu", 13},
    {"ltu", 9}, {"leu", 11}, {"gtu", 12}, {"geu", 14}, {"num", 7},  {"nan", 8}};

unsigned acceptComparison(Decoder &d) {
  for (const Comparison &c : kComparisons)
    if (d.accept(c.name))
      return c.outcomes;
  d.fail("comparison expected");
  return 0;
}

template <typename T> unsigned outcome(T a, T b) { return a < b ? 1 : a == b ? 2 : a > b ? 4 : 8; }

/// Lanes for which the comparison holds; `shift` picks a half of packed operands.
template <typename T>
LaneMask compareIntegers(Warp &warp, const Instruction &i, const Operand &a, const Operand &b,
                         LaneMask mask) {
  const auto *x = laneArray<T>(warp, a);
  const auto *y = laneArray<T>(warp, b);
  LaneMask result = 0;
  forLanes(mask, [&](unsigned lane) {
    result |= LaneMask{(outcome(fromLane<T>(x[lane]), fromLane<T>(y[lane])) & i.variant) != 0}
              << lane;
  });
  return result;
}

double floatLane(Warp &warp, const Operand &o, unsigned lane, Type type, bool flush,
                 unsigned half) {
  std::uint64_t bits = readLane64(warp, o, lane);
  switch (type) {
  case Type::F64:
    return std::bit_cast<double>(bits);
  case Type::F32: {
    auto value = std::bit_cast<float>(static_cast<std::uint32_t>(bits));
    return flush ? flushed(value) : value;
  }
  default: {
    double value = decodeFloat(formatOf(type), bits >> (16 * half) & 0xFFFF);
    return flush && std::fabs(value) < 0x1p-14 && type != Type::BF16 && type != Type::BF16x2
               ? std::copysign(0.0, value)
               : value;
  }
  }
}

LaneMask compareFloats(Warp &warp, const Instruction &i, const Operand &a, const Operand &b,
                       LaneMask mask, unsigned half) {
  LaneMask result = 0;
  forLanes(mask, [&](unsigned lane) {
    double x = floatLane(warp, a, lane, i.sourceType, i.flushSubnormals, half);
    double y = floatLane(warp, b, lane, i.sourceType, i.flushSubnormals, half);
    result |= LaneMask{(outcome(x, y) & i.variant) != 0} << lane;
  });
  return result;
}

LaneMask compareLanes(Warp &warp, const Instruction &i, std::size_t first, LaneMask mask,
                      unsigned half) {
  const Operand &a = i.operands[first], &b = i.operands[first + 1];
  switch (i.sourceType) {
  case Type::U16:
  case Type::B16:
    return compareIntegers<std::uint16_t>(warp, i, a, b, mask);
  case Type::S16:
    return compareIntegers<std::int16_t>(warp, i, a, b, mask);
  case Type::U32:
  case Type::B32:
    return compareIntegers<std::uint32_t>(warp, i, a, b, mask);
  case Type::S32:
    return compareIntegers<std::int32_t>(warp, i, a, b, mask);
  case Type::U64:
  case Type::B64:
    return compareIntegers<std::uint64_t>(warp, i, a, b, mask);
  case Type::S64:
    return compareIntegers<std::int64_t>(warp, i, a, b, mask);
  default:
    return compareFloats(warp, i, a, b, mask, half);
  }
}

enum BooleanOp { NoOp, AndOp, OrOp, XorOp };
LaneMask combine(const Instruction &i, LaneMask value, LaneMask with) {
  switch (i.variant2) {
  case AndOp:
    return value & with;
  case OrOp:
    return value | with;
  case XorOp:
    return value ^ with;
  default:
    return value;
  }
}

// Operands: p, q (or none), a, b, c (or none).
Step setpHandler(Warp &warp, const Instruction &i, LaneMask mask) {
  LaneMask with = i.variant2 != NoOp ? warp.predicate(i.operands[4]) : 0;
  LaneMask low = compareLanes(warp, i, 2, mask, 0);
  bool packed = i.sourceType == Type::F16x2 || i.sourceType == Type::BF16x2;
  // q is the other half's result of packed types, and the negated comparison else.
  LaneMask other = packed ? compareLanes(warp, i, 2, mask, 1) : ~low;
  warp.setPredicate(i.operands[0], mask, combine(i, low, with));
  warp.setPredicate(i.operands[1], mask, combine(i, other, with));
  return Step::Next;
}

// Operands: d, a, b, c (or none).
Step setHandler(Warp &warp, const Instruction &i, LaneMask mask) {
  LaneMask with = i.variant2 != NoOp ? warp.predicate(i.operands[3]) : 0;
  bool packed = i.sourceType == Type::F16x2 || i.sourceType == Type::BF16x2;
  LaneMask low = combine(i, compareLanes(warp, i, 1, mask, 0), with);
  LaneMask high = packed ? combine(i, compareLanes(warp, i, 1, mask, 1), with) : 0;
  const std::uint32_t one = i.type == Type::F32                              ? 0x3F800000
                            : i.type == Type::F16 || i.type == Type::F16x2   ? 0x3C00
                            : i.type == Type::BF16 || i.type == Type::BF16x2 ? 0x3F80
                            : byteSize(i.type) == 2 || packed                ? 0xFFFF
                                                                             : 0xFFFFFFFF;
  forLanes(mask, [&](unsigned lane) {
    std::uint32_t value = (low >> lane & 1 ? one : 0);
    if (packed)
      value |= (high >> lane & 1 ? one : 0) << 16;
    writeLane<std::uint32_t>(warp, i.operands[0], lane, value);
  });
  return Step::Next;
}

const std::initializer_list<Type> kCompared = {
    Type::B16, Type::B32, Type::B64,  Type::U16, Type::U32, Type::U64,   Type::S16,   Type::S32,
    Type::S64, Type::F16, Type::BF16, Type::F32, Type::F64, Type::F16x2, Type::BF16x2};

absl::Status decodeSetp(Decoder &d) {
  d.out.variant = acceptComparison(d);
  d.out.variant2 = static_cast<std::uint32_t>(d.optionalOf({"and", "or", "xor"}) + 1);
  d.out.flushSubnormals = d.accept("ftz");
  d.out.sourceType = d.type(kCompared);
  bool combined = d.out.variant2 != NoOp;
  d.expectOperands(combined ? 4 : 3);
  d.predicatePair(0);
  d.source(1, d.out.sourceType);
  d.source(2, d.out.sourceType);
  if (combined)
    d.predicateSource(3);
  d.out.handler = setpHandler;
  return absl::OkStatus();
}

absl::Status decodeSet(Decoder &d) {
  d.out.variant = acceptComparison(d);
  d.out.variant2 = static_cast<std::uint32_t>(d.optionalOf({"and", "or", "xor"}) + 1);
  d.out.flushSubnormals = d.accept("ftz");
  d.out.type = d.type({Type::U32, Type::S32, Type::F32, Type::F16, Type::BF16, Type::F16x2,
                       Type::BF16x2, Type::U16, Type::S16});
  d.out.sourceType = d.type(kCompared);
  bool combined = d.out.variant2 != NoOp;
  d.expectOperands(combined ? 4 : 3);
  d.destination(0, d.out.type);
  d.source(1, d.out.sourceType);
  d.source(2, d.out.sourceType);
  if (combined)
    d.predicateSource(3);
  d.out.handler = setHandler;
  return absl::OkStatus();
}

/// selp and slct: lanes of `choose` take a, the others b.
template <typename T>
void selectLanes(Warp &warp, const Instruction &i, LaneMask mask, LaneMask choose) {
  auto *d = laneArray<T>(warp, i.operands[0]);
  const auto *a = laneArray<T>(warp, i.operands[1]);
  const auto *b = laneArray<T>(warp, i.operands[2]);
  forLanes(mask, [&](unsigned lane) { d[lane] = choose >> lane & 1 ? a[lane] : b[lane]; });
}
template <typename T> Step selpHandler(Warp &warp, const Instruction &i, LaneMask mask) {
  selectLanes<T>(warp, i, mask, warp.predicate(i.operands[3]));
  return Step::Next;
}

absl::Status decodeSelp(Decoder &d) {
  Type type = d.type({Type::B16, Type::B32, Type::B64, Type::U16, Type::U32, Type::U64, Type::S16,
                      Type::S32, Type::S64, Type::F32, Type::F64});
  d.expectOperands(4);
  d.destination(0, type);
  d.source(1, type);
  d.source(2, type);
  d.predicateSource(3);
  d.out.handler = byteSize(type) == 8 ? selpHandler<std::uint64_t> : selpHandler<std::uint32_t>;
  d.out.propagatesUnwritten = true;
  return absl::OkStatus();
}

template <typename T> Step slctHandler(Warp &warp, const Instruction &i, LaneMask mask) {
  LaneMask choose = 0;
  forLanes(mask, [&](unsigned lane) {
    bool notNegative;
    if (i.sourceType == Type::S32) {
      notNegative = readLane<std::int32_t>(warp, i.operands[3], lane) >= 0;
    } else {
      auto c = readLane<float>(warp, i.operands[3], lane);
      notNegative = (i.flushSubnormals ? flushed(c) : c) >= 0; // NaN takes b
    }
    choose |= LaneMask{notNegative} << lane;
  });
  selectLanes<T>(warp, i, mask, choose);
  return Step::Next;
}
absl::Status decodeSlct(Decoder &d) {
  d.out.flushSubnormals = d.accept("ftz");
  Type type = d.type({Type::B16, Type::B32, Type::B64, Type::U16, Type::U32, Type::U64, Type::S16,
                      Type::S32, Type::S64, Type::F32, Type::F64});
  d.out.sourceType = d.type({Type::S32, Type::F32});
  d.expectOperands(4);
  d.destination(0, type);
  d.source(1, type);
  d.source(2, type);
  d.source(3, d.out.sourceType);
  d.out.handler = byteSize(type) == 8 ? slctHandler<std::uint64_t> : slctHandler<std::uint32_t>;
  return absl::OkStatus();
}

} // namespace

void addCompareInstructions(InstructionTable &table) {
  table.add("setp", decodeSetp);
  table.add("set", decodeSet);
  table.add("selp", decodeSelp);
  table.add("slct", decodeSlct);
}

} // namespace qvlsim
