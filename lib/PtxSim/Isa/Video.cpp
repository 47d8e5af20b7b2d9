// Packed video instructions v*2 and v*4 (PTX ISA 9.0, section 9.7.18).
#include "Isa/Dispatch.h"

#include <algorithm>

namespace qvlsim {
namespace {

using U32 = std::uint32_t;
enum VideoOp : U32 { AddOp, SubOp, AverageOp, DifferenceOp, MinOp, MaxOp };

// i.variant: operation | elements << 8; i.type, i.sourceType: destination and a; i.rounding: 1 when
// b is signed; i.flushSubnormals: .add, which sums the elements into c.
std::int64_t element(U32 word, unsigned index, unsigned bits, bool isSignedElement) {
  auto value = static_cast<std::int64_t>(word >> (index * bits) & ((1U << bits) - 1));
  return isSignedElement && value >> (bits - 1) ? value - (std::int64_t{1} << bits) : value;
}

std::int64_t combine(U32 op, std::int64_t a, std::int64_t b) {
  switch (op) {
  case AddOp:
    return a + b;
  case SubOp:
    return a - b;
  case AverageOp:
    return (a + b + 1) >> 1;
  case DifferenceOp:
    return a > b ? a - b : b - a;
  case MinOp:
    return std::min(a, b);
  default:
    return std::max(a, b);
  }
}

struct Video {
  U32 operator()(const Instruction &i, U32 a, U32 b, U32 c) const {
    const U32 elements = i.variant >> 8, op = i.variant & 0xFF;
    const unsigned bits = 32 / elements;
    const bool result = isSigned(i.type);
    const std::int64_t low = result ? -(std::int64_t{1} << (bits - 1)) : 0,
                       high = result ? (std::int64_t{1} << (bits - 1)) - 1
                                     : (std::int64_t{1} << bits) - 1;
    U32 packed = 0, sum = c;
    for (unsigned k = 0; k < elements; ++k) {
      std::int64_t value =
          combine(op, element(a, k, bits, isSigned(i.sourceType)), element(b, k, bits, i.rounding));
      if (i.saturate)
        value = std::clamp(value, low, high);
      sum += static_cast<U32>(value);
      packed |= (static_cast<U32>(value) & ((1U << bits) - 1)) << (k * bits);
    }
    return i.flushSubnormals ? sum : packed;
  }
};

template <U32 kOp, U32 kElements> absl::Status decodeVideo(Decoder &d) {
  d.out.variant = kOp | kElements << 8;
  d.out.type = d.type({Type::U32, Type::S32});
  d.out.sourceType = d.type({Type::U32, Type::S32});
  d.out.rounding = d.type({Type::U32, Type::S32}) == Type::S32;
  d.out.saturate = d.accept("sat");
  d.out.flushSubnormals = !d.out.saturate && d.accept("add");
  plainOperands(d, Type::B32, 3);
  d.out.handler = elementwise<Video, U32, U32, U32, U32>;
  return absl::OkStatus();
}

template <U32 kOp> void addBoth(InstructionTable &table, std::string_view name) {
  table.add(concat(name, "2"), decodeVideo<kOp, 2>);
  table.add(concat(name, "4"), decodeVideo<kOp, 4>);
}

} // namespace

void addVideoInstructions(InstructionTable &table) {
  addBoth<AddOp>(table, "vadd");
  addBoth<SubOp>(table, "vsub");
  addBoth<AverageOp>(table, "vavrg");
  addBoth<DifferenceOp>(table, "vabsdiff");
  addBoth<MinOp>(table, "vmin");
  addBoth<MaxOp>(table, "vmax");
}

} // namespace qvlsim
