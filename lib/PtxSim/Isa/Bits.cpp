// Logic, shifts and bit fields (PTX ISA 9.0, sections 9.7.1 and 9.7.8).
#include "Isa/Dispatch.h"

#include <algorithm>
#include <bit>
#include <type_traits>

namespace qvlsim {
namespace {

using U32 = std::uint32_t;
using U64 = std::uint64_t;

struct And {
  template <typename T> T operator()(T a, T b) const { return a & b; }
};
struct Or {
  template <typename T> T operator()(T a, T b) const { return a | b; }
};
struct Xor {
  template <typename T> T operator()(T a, T b) const { return a ^ b; }
};

/// and, or, xor on predicates.
template <typename Op> Step predicateHandler(Warp &warp, const Instruction &i, LaneMask mask) {
  warp.setPredicate(i.operands[0], mask,
                    Op{}(warp.predicate(i.operands[1]), warp.predicate(i.operands[2])));
  return Step::Next;
}
Step predicateNot(Warp &warp, const Instruction &i, LaneMask mask) {
  warp.setPredicate(i.operands[0], mask, ~warp.predicate(i.operands[1]));
  return Step::Next;
}

template <typename Op> absl::Status decodeLogic(Decoder &d) {
  Type type = d.type({Type::Pred, Type::B16, Type::B32, Type::B64});
  d.out.handler = type == Type::Pred  ? Handler(predicateHandler<Op>)
                  : type == Type::B64 ? Handler(elementwise<Op, U64, U64, U64>)
                                      : Handler(elementwise<Op, U32, U32, U32>);
  plainOperands(d, type, 2);
  return absl::OkStatus();
}

template <typename T> struct Not {
  T operator()(T a) const { return static_cast<T>(~a); }
};
template <typename T> struct LogicalNot {
  T operator()(T a) const { return a == 0; }
};

absl::Status decodeNot(Decoder &d) {
  Type type = d.type({Type::Pred, Type::B16, Type::B32, Type::B64});
  d.out.handler = type == Type::Pred ? Handler(predicateNot) : unaryInteger<Not>(type);
  plainOperands(d, type, 1);
  return absl::OkStatus();
}
absl::Status decodeCnot(Decoder &d) {
  Type type = d.type({Type::B16, Type::B32, Type::B64});
  d.out.handler = unaryInteger<LogicalNot>(type);
  plainOperands(d, type, 1);
  return absl::OkStatus();
}

// Shift amounts beyond the width are clamped to it.
template <typename T> struct ShiftLeft {
  T operator()(T a, U32 n) const { return n >= 8 * sizeof(T) ? T{0} : static_cast<T>(a << n); }
};
template <typename T> struct ShiftRight {
  T operator()(T a, U32 n) const {
    constexpr U32 kTop = 8 * sizeof(T) - 1;
    if constexpr (std::is_signed_v<T>)
      return static_cast<T>(a >> std::min(n, kTop));
    else
      return n > kTop ? T{0} : static_cast<T>(a >> n);
  }
};
template <template <typename> typename Op>
absl::Status decodeShift(Decoder &d, std::initializer_list<Type> types) {
  Type type = d.type(types);
  d.out.handler =
      byInteger(type, []<typename T>() -> Handler { return elementwise<Op<T>, T, T, U32>; });
  d.expectOperands(3);
  d.destination(0, type);
  d.source(1, type);
  d.source(2, Type::U32);
  return absl::OkStatus();
}

template <bool kLeft, bool kClamp> struct FunnelShift {
  U32 operator()(U32 low, U32 high, U32 n) const {
    n = kClamp ? std::min(n, 32U) : n & 31;
    U64 both = U64{high} << 32 | low;
    return kLeft ? static_cast<U32>((both << n) >> 32) : static_cast<U32>(both >> n);
  }
};
absl::Status decodeShf(Decoder &d) {
  bool left = d.oneOf({"l", "r"}) == 0;
  bool clamp = d.oneOf({"clamp", "wrap"}) == 0;
  d.type({Type::B32});
  d.out.handler = left ? (clamp ? elementwise<FunnelShift<true, true>, U32, U32, U32, U32>
                                : elementwise<FunnelShift<true, false>, U32, U32, U32, U32>)
                       : (clamp ? elementwise<FunnelShift<false, true>, U32, U32, U32, U32>
                                : elementwise<FunnelShift<false, false>, U32, U32, U32, U32>);
  plainOperands(d, Type::B32, 3);
  return absl::OkStatus();
}

// --- fields
// ----------------------------------------------------------------------------------------------

template <typename T> struct ExtractField {
  T operator()(T a, U32 position, U32 length) const {
    using U = std::make_unsigned_t<T>;
    constexpr U32 kBits = 8 * sizeof(T);
    position &= 0xFF;
    length &= 0xFF;
    if (length == 0)
      return 0;
    // Bits beyond the value read as its sign.
    U sign = std::is_signed_v<T>
                 ? static_cast<U>(a) >> std::min(position + length - 1, kBits - 1) & 1
                 : 0;
    U field = position >= kBits ? 0 : static_cast<U>(a) >> position;
    U32 present = position >= kBits ? 0 : std::min(length, kBits - position);
    U mask = present >= kBits ? ~U{0} : (U{1} << present) - 1;
    return static_cast<T>((field & mask) | (sign ? ~mask : U{0}));
  }
};
template <typename T> struct InsertField {
  T operator()(T a, T b, U32 position, U32 length) const {
    constexpr U32 kBits = 8 * sizeof(T);
    position &= 0xFF;
    length &= 0xFF;
    if (position >= kBits || length == 0)
      return b;
    T ones = length >= kBits ? static_cast<T>(~T{0}) : static_cast<T>((T{1} << length) - 1);
    return (b & ~(ones << position)) | ((a & ones) << position);
  }
};
absl::Status decodeBfe(Decoder &d) {
  Type type = d.type({Type::U32, Type::U64, Type::S32, Type::S64});
  d.out.handler = byInteger(
      type, []<typename T>() -> Handler { return elementwise<ExtractField<T>, T, T, U32, U32>; });
  d.expectOperands(4);
  d.destination(0, type);
  d.source(1, type);
  d.source(2, Type::U32);
  d.source(3, Type::U32);
  return absl::OkStatus();
}
absl::Status decodeBfi(Decoder &d) {
  Type type = d.type({Type::B32, Type::B64});
  d.out.handler = type == Type::B64
                      ? Handler(elementwise<InsertField<U64>, U64, U64, U64, U32, U32>)
                      : Handler(elementwise<InsertField<U32>, U32, U32, U32, U32, U32>);
  d.expectOperands(5);
  d.destination(0, type);
  d.source(1, type);
  d.source(2, type);
  d.source(3, Type::U32);
  d.source(4, Type::U32);
  return absl::OkStatus();
}

template <bool kClamp> struct MaskBits {
  U32 operator()(U32 position, U32 length) const {
    if (kClamp ? position >= 32 : false)
      return 0;
    position &= 31;
    length = kClamp ? std::min(length, 32U) : length & 31;
    U64 ones = (U64{1} << length) - 1;
    return static_cast<U32>(ones << position);
  }
};
absl::Status decodeBmsk(Decoder &d) {
  bool clamp = d.oneOf({"clamp", "wrap"}) == 0;
  d.type({Type::B32});
  d.out.handler = clamp ? elementwise<MaskBits<true>, U32, U32, U32>
                        : elementwise<MaskBits<false>, U32, U32, U32>;
  plainOperands(d, Type::B32, 2);
  return absl::OkStatus();
}

/// szext: sign or zero extension from bit n.
template <typename T, bool kClamp> struct ExtendBits {
  T operator()(T a, U32 n) const {
    n = kClamp ? std::min(n, 32U) : n & 31;
    if (n == 0)
      return 0;
    U32 shift = 32 - n;
    return static_cast<T>(static_cast<T>(static_cast<U32>(a) << shift) >> shift);
  }
};
absl::Status decodeSzext(Decoder &d) {
  bool clamp = d.oneOf({"clamp", "wrap"}) == 0;
  Type type = d.type({Type::U32, Type::S32});
  using S32 = std::int32_t;
  d.out.handler = type == Type::S32 ? (clamp ? elementwise<ExtendBits<S32, true>, S32, S32, U32>
                                             : elementwise<ExtendBits<S32, false>, S32, S32, U32>)
                                    : (clamp ? elementwise<ExtendBits<U32, true>, U32, U32, U32>
                                             : elementwise<ExtendBits<U32, false>, U32, U32, U32>);
  plainOperands(d, type, 2);
  return absl::OkStatus();
}

// --- counting and permuting
// -------------------------------------------------------------------------------

struct CountOnes {
  template <typename T> U32 operator()(T a) const { return static_cast<U32>(std::popcount(a)); }
};
struct LeadingZeros {
  template <typename T> U32 operator()(T a) const { return static_cast<U32>(std::countl_zero(a)); }
};
template <typename Op> absl::Status decodeCount(Decoder &d) {
  Type type = d.type({Type::B32, Type::B64});
  d.out.handler =
      type == Type::B64 ? Handler(elementwise<Op, U32, U64>) : Handler(elementwise<Op, U32, U32>);
  d.expectOperands(2);
  d.destination(0, Type::U32);
  d.source(1, type);
  return absl::OkStatus();
}

template <typename T, bool kShift> struct FindLeading {
  U32 operator()(T a) const {
    using U = std::make_unsigned_t<T>;
    U bits = static_cast<U>(a);
    if constexpr (std::is_signed_v<T>)
      bits = a < 0 ? ~bits : bits; // the first bit that is no copy of the sign
    if (bits == 0)
      return 0xFFFFFFFF;
    auto zeros = static_cast<U32>(std::countl_zero(bits));
    return kShift ? zeros : 8 * sizeof(T) - 1 - zeros;
  }
};
absl::Status decodeBfind(Decoder &d) {
  bool shift = d.accept("shiftamt");
  Type type = d.type({Type::U32, Type::U64, Type::S32, Type::S64});
  d.out.handler = byInteger(type, [shift]<typename T>() -> Handler {
    return shift ? Handler(elementwise<FindLeading<T, true>, U32, T>)
                 : Handler(elementwise<FindLeading<T, false>, U32, T>);
  });
  d.expectOperands(2);
  d.destination(0, Type::U32);
  d.source(1, type);
  return absl::OkStatus();
}

template <typename T> struct Reverse {
  T operator()(T a) const {
    T result = 0;
    for (unsigned b = 0; b < 8 * sizeof(T); ++b)
      result = static_cast<T>(result << 1 | (a >> b & 1));
    return result;
  }
};
absl::Status decodeBrev(Decoder &d) {
  Type type = d.type({Type::B32, Type::B64});
  d.out.handler = unaryInteger<Reverse>(type);
  plainOperands(d, type, 1);
  return absl::OkStatus();
}

/// fns: the n-th set bit from a base.
struct NthSet {
  U32 operator()(U32 mask, U32 base, std::int32_t offset) const {
    if (offset == 0)
      return base < 32 && mask >> base & 1 ? base : 0xFFFFFFFF;
    std::int32_t step = offset > 0 ? 1 : -1;
    std::int64_t left = offset > 0 ? offset : -std::int64_t{offset};
    for (std::int64_t at = base; at >= 0 && at < 32; at += step)
      if (mask >> at & 1 && --left == 0)
        return static_cast<U32>(at);
    return 0xFFFFFFFF;
  }
};
absl::Status decodeFns(Decoder &d) {
  d.type({Type::B32});
  d.out.handler = elementwise<NthSet, U32, U32, U32, std::int32_t>;
  plainOperands(d, Type::B32, 3);
  return absl::OkStatus();
}

struct LogicTable {
  U32 operator()(const Instruction &i, U32 a, U32 b, U32 c) const {
    U32 result = 0;
    for (unsigned k = 0; k < 8; ++k)
      if (i.variant >> k & 1)
        result |= (k & 4 ? a : ~a) & (k & 2 ? b : ~b) & (k & 1 ? c : ~c);
    return result;
  }
};
absl::Status decodeLop3(Decoder &d) {
  d.type({Type::B32});
  d.expectOperands(5);
  d.destination(0, Type::B32);
  for (std::size_t s = 1; s <= 3; ++s)
    d.source(s, Type::B32);
  d.out.variant = static_cast<U32>(d.constant(4, 0, 255));
  d.out.handler = elementwise<LogicTable, U32, U32, U32, U32>;
  return absl::OkStatus();
}

enum PermuteMode { Generic, F4e, B4e, Rc8, Ecl, Ecr, Rc16 };
struct Permute {
  /// The selector of the special modes, spelled out (PTX ISA 9.0, section 9.7.9.7).
  static U32 selector(U32 mode, U32 c) {
    static constexpr U32 kTable[6][4] = {
        {0x3210, 0x4321, 0x5432, 0x6543}, {0x5670, 0x6701, 0x7012, 0x0123},
        {0x0000, 0x1111, 0x2222, 0x3333}, {0x3210, 0x3211, 0x3222, 0x3333},
        {0x0000, 0x1110, 0x2210, 0x3210}, {0x1010, 0x3232, 0x1010, 0x3232}};
    return mode == Generic ? c : kTable[mode - 1][c & 3];
  }
  U32 operator()(const Instruction &i, U32 a, U32 b, U32 c) const {
    U64 bytes = U64{b} << 32 | a;
    U32 select = selector(i.variant, c), result = 0;
    for (unsigned k = 0; k < 4; ++k) {
      U32 nibble = select >> (4 * k) & 0xF;
      auto byte = static_cast<U32>(bytes >> (8 * (nibble & 7)) & 0xFF);
      if (nibble & 8)
        byte = byte & 0x80 ? 0xFF : 0;
      result |= byte << (8 * k);
    }
    return result;
  }
};
absl::Status decodePrmt(Decoder &d) {
  d.type({Type::B32});
  d.out.variant = static_cast<U32>(d.optionalOf({"f4e", "b4e", "rc8", "ecl", "ecr", "rc16"}) + 1);
  d.out.handler = elementwise<Permute, U32, U32, U32, U32>;
  plainOperands(d, Type::B32, 3);
  return absl::OkStatus();
}

} // namespace

void addBitsInstructions(InstructionTable &table) {
  table.add("and", decodeLogic<And>);
  table.add("or", decodeLogic<Or>);
  table.add("xor", decodeLogic<Xor>);
  table.add("not", decodeNot);
  table.add("cnot", decodeCnot);
  table.add("shl", [](Decoder &d) {
    return decodeShift<ShiftLeft>(d, {Type::B16, Type::B32, Type::B64});
  });
  table.add("shr", [](Decoder &d) {
    return decodeShift<ShiftRight>(d, {Type::B16, Type::B32, Type::B64, Type::U16, Type::U32,
                                       Type::U64, Type::S16, Type::S32, Type::S64});
  });
  table.add("shf", decodeShf);
  table.add("bfe", decodeBfe);
  table.add("bfi", decodeBfi);
  table.add("bmsk", decodeBmsk);
  table.add("szext", decodeSzext);
  table.add("popc", decodeCount<CountOnes>);
  table.add("clz", decodeCount<LeadingZeros>);
  table.add("bfind", decodeBfind);
  table.add("brev", decodeBrev);
  table.add("fns", decodeFns);
  table.add("lop3", decodeLop3);
  table.add("prmt", decodePrmt);
}

} // namespace qvlsim
