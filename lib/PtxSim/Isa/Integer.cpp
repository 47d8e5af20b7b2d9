// Integer arithmetic (PTX ISA 9.0, sections 9.7.1 and 9.7.2).
#include "Isa/Dispatch.h"

#include <algorithm>
#include <limits>
#include <type_traits>

namespace qvlsim {
namespace {

template <typename T> using Bits = std::make_unsigned_t<T>;
template <typename T> constexpr T wrapped(Bits<T> bits) { return static_cast<T>(bits); }
/// Twice the width, for high halves and wide products.
template <typename T> struct Wide;
template <> struct Wide<std::uint16_t> {
  using Type = std::uint32_t;
};
template <> struct Wide<std::int16_t> {
  using Type = std::int32_t;
};
template <> struct Wide<std::uint32_t> {
  using Type = std::uint64_t;
};
template <> struct Wide<std::int32_t> {
  using Type = std::int64_t;
};
template <> struct Wide<std::uint64_t> {
  using Type = unsigned __int128;
};
template <> struct Wide<std::int64_t> {
  using Type = __int128;
};
template <typename T> using WideOf = typename Wide<T>::Type;

template <typename T> struct Add {
  T operator()(T a, T b) const { return wrapped<T>(static_cast<Bits<T>>(Bits<T>(a) + Bits<T>(b))); }
};
template <typename T> struct Subtract {
  T operator()(T a, T b) const { return wrapped<T>(static_cast<Bits<T>>(Bits<T>(a) - Bits<T>(b))); }
};
template <typename T> struct MultiplyLow {
  T operator()(T a, T b) const {
    return static_cast<T>(
        static_cast<Bits<T>>(std::uint64_t(Bits<T>(a)) * std::uint64_t(Bits<T>(b))));
  }
};
template <typename T> struct MultiplyHigh {
  T operator()(T a, T b) const {
    return static_cast<T>((WideOf<T>(a) * WideOf<T>(b)) >> (8 * sizeof(T)));
  }
};
template <typename T> struct MultiplyWide {
  WideOf<T> operator()(T a, T b) const { return WideOf<T>(a) * WideOf<T>(b); }
};
template <typename T> struct MaddLow {
  T operator()(T a, T b, T c) const { return Add<T>{}(MultiplyLow<T>{}(a, b), c); }
};
template <typename T> struct MaddHigh {
  T operator()(T a, T b, T c) const { return Add<T>{}(MultiplyHigh<T>{}(a, b), c); }
};
template <typename T> struct MaddWide {
  WideOf<T> operator()(T a, T b, WideOf<T> c) const {
    return Add<WideOf<T>>{}(WideOf<T>(a) * WideOf<T>(b), c);
  }
};
// Division by zero is unspecified; this is what the hardware's sequence gives: all ones.
template <typename T> struct Divide {
  T operator()(T a, T b) const {
    if (b == 0)
      return static_cast<T>(-1);
    if constexpr (std::is_signed_v<T>)
      if (b == T(-1))
        return Subtract<T>{}(0, a);
    return static_cast<T>(a / b);
  }
};
template <typename T> struct Remainder {
  T operator()(T a, T b) const {
    if (b == 0)
      return a;
    if constexpr (std::is_signed_v<T>)
      if (b == T(-1))
        return 0;
    return static_cast<T>(a % b);
  }
};
template <typename T> struct Minimum {
  T operator()(T a, T b) const { return std::min(a, b); }
};
template <typename T> struct Maximum {
  T operator()(T a, T b) const { return std::max(a, b); }
};
template <typename T> struct MinimumRelu {
  T operator()(T a, T b) const { return std::max<T>(std::min(a, b), 0); }
};
template <typename T> struct MaximumRelu {
  T operator()(T a, T b) const { return std::max<T>(std::max(a, b), 0); }
};
template <typename T> struct Absolute {
  T operator()(T a) const { return a < 0 ? Subtract<T>{}(0, a) : a; }
};
template <typename T> struct Negate {
  T operator()(T a) const { return Subtract<T>{}(0, a); }
};
template <typename T> struct AbsoluteDifference {
  T operator()(T a, T b, T c) const {
    return Add<T>{}(c, a < b ? Subtract<T>{}(b, a) : Subtract<T>{}(a, b));
  }
};

struct AddSaturated {
  std::int32_t operator()(std::int32_t a, std::int32_t b) const {
    return static_cast<std::int32_t>(
        std::clamp<std::int64_t>(std::int64_t{a} + b, INT32_MIN, INT32_MAX));
  }
};
struct SubtractSaturated {
  std::int32_t operator()(std::int32_t a, std::int32_t b) const {
    return static_cast<std::int32_t>(
        std::clamp<std::int64_t>(std::int64_t{a} - b, INT32_MIN, INT32_MAX));
  }
};
struct MaddHighSaturated {
  std::int32_t operator()(std::int32_t a, std::int32_t b, std::int32_t c) const {
    return AddSaturated{}(static_cast<std::int32_t>((std::int64_t{a} * b) >> 32), c);
  }
};

/// Lifts an operation on 16-bit halves to packed words.
template <typename Op, typename T> struct Packed {
  std::uint32_t operator()(std::uint32_t a, std::uint32_t b) const {
    auto half = [&](unsigned shift) {
      return std::uint32_t{static_cast<std::uint16_t>(
                 Op{}(static_cast<T>(a >> shift), static_cast<T>(b >> shift)))}
             << shift;
    };
    return half(0) | half(16);
  }
};
template <template <typename> typename Op> Handler packed(Type type) {
  using Word = std::uint32_t;
  return type == Type::S16x2
             ? elementwise<Packed<Op<std::int16_t>, std::int16_t>, Word, Word, Word>
             : elementwise<Packed<Op<std::uint16_t>, std::uint16_t>, Word, Word, Word>;
}

const std::initializer_list<Type> kArithmetic = {Type::U16, Type::U32, Type::U64,
                                                 Type::S16, Type::S32, Type::S64};

// --- add, sub
// ----------------------------------------------------------------------------------------

/// add.cc, addc, sub.cc, subc: a +- b +- carry, with the carry out kept on demand.
template <typename T, bool kSubtract, bool kIn, bool kOut>
Step carryHandler(Warp &warp, const Instruction &i, LaneMask mask) {
  using U = unsigned __int128;
  auto *d = laneArray<T>(warp, i.operands[0]);
  auto *a = laneArray<T>(warp, i.operands[1]);
  auto *b = laneArray<T>(warp, i.operands[2]);
  LaneMask carry = warp.carry;
  forLanes(mask, [&](unsigned lane) {
    U in = kIn ? (warp.carry >> lane & 1) : 0;
    U result = kSubtract ? U(a[lane]) - U(b[lane]) - in : U(a[lane]) + U(b[lane]) + in;
    d[lane] = static_cast<T>(result);
    LaneMask bit = static_cast<LaneMask>(result >> (8 * sizeof(T)) & 1)
                   << lane; // borrow: set as well
    carry = (carry & ~(1U << lane)) | bit;
  });
  if (kOut)
    warp.carry = carry;
  return Step::Next;
}

template <typename T, bool kSubtract> Handler pickCarry(bool in, bool out) {
  if (in)
    return out ? carryHandler<T, kSubtract, true, true> : carryHandler<T, kSubtract, true, false>;
  return carryHandler<T, kSubtract, false, true>;
}

template <bool kSubtract> absl::Status decodeCarry(Decoder &d, bool in) {
  bool out = d.accept("cc");
  Type type = d.type({Type::U32, Type::S32, Type::U64, Type::S64, Type::B32, Type::B64});
  d.out.handler = byteSize(type) == 8 ? pickCarry<std::uint64_t, kSubtract>(in, out)
                                      : pickCarry<std::uint32_t, kSubtract>(in, out);
  plainOperands(d, type, 2);
  return absl::OkStatus();
}

absl::Status decodeAdd(Decoder &d) {
  if (isFloatForm(d, d.statement()))
    return decodeFloatArithmetic(d);
  if (d.peek() == "cc")
    return decodeCarry<false>(d, false);
  bool saturate = d.accept("sat");
  Type type = d.type(
      {Type::U16, Type::U32, Type::U64, Type::S16, Type::S32, Type::S64, Type::U16x2, Type::S16x2});
  if (saturate && type != Type::S32)
    d.fail(".sat is for .s32 only");
  d.out.handler = saturate ? elementwise<AddSaturated, std::int32_t, std::int32_t, std::int32_t>
                  : type == Type::U16x2 || type == Type::S16x2 ? packed<Add>(type)
                                                               : binaryInteger<Add>(type);
  plainOperands(d, type, 2);
  return absl::OkStatus();
}

absl::Status decodeSub(Decoder &d) {
  if (isFloatForm(d, d.statement()))
    return decodeFloatArithmetic(d);
  if (d.peek() == "cc")
    return decodeCarry<true>(d, false);
  bool saturate = d.accept("sat");
  Type type = d.type(kArithmetic);
  if (saturate && type != Type::S32)
    d.fail(".sat is for .s32 only");
  d.out.handler = saturate
                      ? elementwise<SubtractSaturated, std::int32_t, std::int32_t, std::int32_t>
                      : binaryInteger<Subtract>(type);
  plainOperands(d, type, 2);
  return absl::OkStatus();
}

// --- mul, mad
// ------------------------------------------------------------------------------------------

template <template <typename> typename Op> Handler byMultiplicand(Type type, bool three) {
  return byInteger(type, []<typename T>() -> Handler {
    if constexpr (sizeof(T) == 1)
      return nullptr;
    else
      return elementwise<Op<T>, T, T, T>;
  });
}
template <template <typename> typename Op> Handler ternaryMultiplicand(Type type) {
  return byInteger(type, []<typename T>() -> Handler {
    if constexpr (sizeof(T) == 1)
      return nullptr;
    else
      return elementwise<Op<T>, T, T, T, T>;
  });
}

Type widened(Type type) {
  switch (type) {
  case Type::U16:
    return Type::U32;
  case Type::S16:
    return Type::S32;
  case Type::U32:
    return Type::U64;
  default:
    return Type::S64;
  }
}

void wideMultiply(Decoder &d, bool add) {
  Type type = d.type({Type::U16, Type::S16, Type::U32, Type::S32});
  d.out.handler = byInteger(type, [add]<typename T>() -> Handler {
    if constexpr (sizeof(T) == 1 || sizeof(T) == 8)
      return nullptr;
    else
      return add ? Handler(elementwise<MaddWide<T>, WideOf<T>, T, T, WideOf<T>>)
                 : Handler(elementwise<MultiplyWide<T>, WideOf<T>, T, T>);
  });
  d.expectOperands(add ? 4 : 3);
  d.destination(0, widened(type));
  d.source(1, type);
  d.source(2, type);
  if (add)
    d.source(3, widened(type));
}

absl::Status decodeMul(Decoder &d) {
  if (isFloatForm(d, d.statement()))
    return decodeFloatArithmetic(d);
  std::size_t part = d.oneOf({"lo", "hi", "wide"});
  if (part == 2) {
    wideMultiply(d, false);
    return absl::OkStatus();
  }
  Type type = d.type(kArithmetic);
  d.out.handler = part == 0 ? byMultiplicand<MultiplyLow>(type, false)
                            : byMultiplicand<MultiplyHigh>(type, false);
  plainOperands(d, type, 2);
  return absl::OkStatus();
}

/// mad.cc and madc on 32- and 64-bit integers.
template <typename T, bool kHigh, bool kIn, bool kOut>
Step maddCarryHandler(Warp &warp, const Instruction &i, LaneMask mask) {
  LaneMask carry = warp.carry;
  forLanes(mask, [&](unsigned lane) {
    T a = readLane<T>(warp, i.operands[1], lane), b = readLane<T>(warp, i.operands[2], lane);
    T product = kHigh ? MultiplyHigh<T>{}(a, b) : MultiplyLow<T>{}(a, b);
    unsigned __int128 sum = static_cast<unsigned __int128>(Bits<T>(product)) +
                            Bits<T>(readLane<T>(warp, i.operands[3], lane)) +
                            (kIn ? warp.carry >> lane & 1 : 0);
    writeLane<T>(warp, i.operands[0], lane, static_cast<T>(sum));
    carry = (carry & ~(1U << lane)) | static_cast<LaneMask>(sum >> (8 * sizeof(T)) & 1) << lane;
  });
  if (kOut)
    warp.carry = carry;
  return Step::Next;
}

template <typename T> Handler pickMaddCarry(bool high, bool in, bool out) {
  if (in && out)
    return high ? maddCarryHandler<T, true, true, true> : maddCarryHandler<T, false, true, true>;
  if (in)
    return high ? maddCarryHandler<T, true, true, false> : maddCarryHandler<T, false, true, false>;
  return high ? maddCarryHandler<T, true, false, true> : maddCarryHandler<T, false, false, true>;
}

absl::Status decodeMaddCarry(Decoder &d, std::size_t part, bool in) {
  bool out = d.accept("cc");
  Type type = d.type({Type::U32, Type::S32, Type::U64, Type::S64});
  bool high = part == 1;
  d.out.handler = type == Type::U32   ? pickMaddCarry<std::uint32_t>(high, in, out)
                  : type == Type::S32 ? pickMaddCarry<std::int32_t>(high, in, out)
                  : type == Type::U64 ? pickMaddCarry<std::uint64_t>(high, in, out)
                                      : pickMaddCarry<std::int64_t>(high, in, out);
  plainOperands(d, type, 3);
  return absl::OkStatus();
}

absl::Status decodeMad(Decoder &d) {
  if (isFloatForm(d, d.statement()))
    return decodeFloatArithmetic(d);
  std::size_t part = d.oneOf({"lo", "hi", "wide"});
  if (part == 2) {
    wideMultiply(d, true);
    return absl::OkStatus();
  }
  if (d.peek() == "cc")
    return decodeMaddCarry(d, part, false);
  bool saturate = d.accept("sat");
  Type type = d.type(kArithmetic);
  if (saturate && (type != Type::S32 || part != 1))
    d.fail(".sat is for .hi.s32 only");
  d.out.handler =
      saturate
          ? elementwise<MaddHighSaturated, std::int32_t, std::int32_t, std::int32_t, std::int32_t>
      : part == 0 ? ternaryMultiplicand<MaddLow>(type)
                  : ternaryMultiplicand<MaddHigh>(type);
  plainOperands(d, type, 3);
  return absl::OkStatus();
}

absl::Status decodeMadc(Decoder &d) { return decodeMaddCarry(d, d.oneOf({"lo", "hi"}), true); }

/// mul24 and mad24: products of the low 24 bits.
template <typename T, bool kHigh, bool kAdd> struct Multiply24 {
  static std::int64_t cut(T a) {
    std::int64_t bits = a & 0xFFFFFF;
    return std::is_signed_v<T> && (bits & 0x800000) ? bits - 0x1000000 : bits;
  }
  T product(T a, T b) const { return static_cast<T>((cut(a) * cut(b)) >> (kHigh ? 16 : 0)); }
  T operator()(T a, T b) const
    requires(!kAdd)
  {
    return product(a, b);
  }
  T operator()(T a, T b, T c) const
    requires kAdd
  {
    return Add<T>{}(product(a, b), c);
  }
};

template <bool kAdd> absl::Status decode24(Decoder &d) {
  bool high = d.oneOf({"lo", "hi"}) == 1;
  Type type = d.type({Type::U32, Type::S32});
  auto pick = [&]<typename T>() -> Handler {
    if constexpr (kAdd)
      return high ? Handler(elementwise<Multiply24<T, true, true>, T, T, T, T>)
                  : Handler(elementwise<Multiply24<T, false, true>, T, T, T, T>);
    else
      return high ? Handler(elementwise<Multiply24<T, true, false>, T, T, T>)
                  : Handler(elementwise<Multiply24<T, false, false>, T, T, T>);
  };
  d.out.handler = type == Type::U32 ? pick.template operator()<std::uint32_t>()
                                    : pick.template operator()<std::int32_t>();
  plainOperands(d, type, kAdd ? 3 : 2);
  return absl::OkStatus();
}

// --- the rest
// ------------------------------------------------------------------------------------------

template <template <typename> typename Op> absl::Status decodeBinary(Decoder &d) {
  Type type = d.type(kArithmetic);
  d.out.handler = binaryInteger<Op>(type);
  plainOperands(d, type, 2);
  return absl::OkStatus();
}

absl::Status decodeDiv(Decoder &d) {
  return isFloatForm(d, d.statement()) ? decodeFloatArithmetic(d) : decodeBinary<Divide>(d);
}

template <template <typename> typename Op, template <typename> typename Relu>
absl::Status decodeMinMax(Decoder &d) {
  if (isFloatForm(d, d.statement()))
    return decodeFloatMinMax(d);
  bool relu = d.accept("relu");
  Type type = d.type(
      {Type::U16, Type::U32, Type::U64, Type::S16, Type::S32, Type::S64, Type::U16x2, Type::S16x2});
  bool halves = type == Type::U16x2 || type == Type::S16x2;
  if (relu && type != Type::S32 && type != Type::S16x2)
    d.fail(".relu is for .s32 and .s16x2 only");
  d.out.handler = relu ? (halves ? packed<Relu>(type) : binaryInteger<Relu>(type))
                       : (halves ? packed<Op>(type) : binaryInteger<Op>(type));
  plainOperands(d, type, 2);
  return absl::OkStatus();
}

template <template <typename> typename Op> absl::Status decodeSignedUnary(Decoder &d) {
  if (isFloatForm(d, d.statement()))
    return decodeFloatUnary(d);
  Type type = d.type({Type::S16, Type::S32, Type::S64});
  d.out.handler = unaryInteger<Op>(type);
  plainOperands(d, type, 1);
  return absl::OkStatus();
}

absl::Status decodeSad(Decoder &d) {
  Type type = d.type(kArithmetic);
  d.out.handler = ternaryMultiplicand<AbsoluteDifference>(type);
  plainOperands(d, type, 3);
  return absl::OkStatus();
}

/// dp4a and dp2a: dot products of bytes; `variant` bit 0: a signed, bit 1: b signed, bit 2: .hi of
/// dp2a.
std::int64_t part(std::uint32_t word, unsigned index, unsigned bits, bool isSigned) {
  std::int64_t value = word >> (index * bits) & ((1U << bits) - 1);
  return isSigned && value >> (bits - 1) ? value - (std::int64_t{1} << bits) : value;
}
struct DotFour {
  std::uint32_t operator()(const Instruction &i, std::uint32_t a, std::uint32_t b,
                           std::uint32_t c) const {
    std::int64_t sum = c;
    for (unsigned k = 0; k < 4; ++k)
      sum += part(a, k, 8, i.variant & 1) * part(b, k, 8, i.variant & 2);
    return static_cast<std::uint32_t>(sum);
  }
};
struct DotTwo {
  std::uint32_t operator()(const Instruction &i, std::uint32_t a, std::uint32_t b,
                           std::uint32_t c) const {
    std::int64_t sum = c;
    for (unsigned k = 0; k < 2; ++k)
      sum += part(a, k, 16, i.variant & 1) * part(b, k + (i.variant & 4 ? 2 : 0), 8, i.variant & 2);
    return static_cast<std::uint32_t>(sum);
  }
};
template <bool kFour> absl::Status decodeDot(Decoder &d) {
  using Word = std::uint32_t;
  d.out.variant = !kFour && d.oneOf({"lo", "hi"}) == 1 ? 4 : 0;
  d.out.variant |= d.type({Type::U32, Type::S32}) == Type::S32 ? 1 : 0;
  d.out.variant |= d.type({Type::U32, Type::S32}) == Type::S32 ? 2 : 0;
  d.out.handler = kFour ? elementwise<DotFour, Word, Word, Word, Word>
                        : elementwise<DotTwo, Word, Word, Word, Word>;
  plainOperands(d, Type::B32, 3);
  return absl::OkStatus();
}

} // namespace

void addIntegerInstructions(InstructionTable &table) {
  table.add("add", decodeAdd);
  table.add("sub", decodeSub);
  table.add("addc", [](Decoder &d) { return decodeCarry<false>(d, true); });
  table.add("subc", [](Decoder &d) { return decodeCarry<true>(d, true); });
  table.add("mul", decodeMul);
  table.add("mad", decodeMad);
  table.add("madc", decodeMadc);
  table.add("mul24", decode24<false>);
  table.add("mad24", decode24<true>);
  table.add("div", decodeDiv);
  table.add("rem", decodeBinary<Remainder>);
  table.add("min", decodeMinMax<Minimum, MinimumRelu>);
  table.add("max", decodeMinMax<Maximum, MaximumRelu>);
  table.add("abs", decodeSignedUnary<Absolute>);
  table.add("neg", decodeSignedUnary<Negate>);
  table.add("sad", decodeSad);
  table.add("dp4a", decodeDot<true>);
  table.add("dp2a", decodeDot<false>);
}

} // namespace qvlsim
