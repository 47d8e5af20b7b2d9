// mma.sync (PTX ISA 9.0, section 9.7.14.5).
//
// Floating products are exact in f32 for all formats of 8 and 16 bits. Their sum is formed in f32,
// K ascending, from zero; then the accumulator is added. The ISA leaves order and intermediate
// precision open.
#include "Exec/Cluster.h"
#include "Exec/Lanes.h"
#include "Isa/FragmentLayout.h"
#include "Isa/FullWarp.h"
#include "Isa/MatrixElements.h"
#include "Isa/TileMultiply.h"
#include "Module/Decode.h"
#include "Module/InstructionTable.h"

#include <algorithm>
#include <cstring>
#include <limits>

namespace qvlsim {
namespace {

MatrixShape shapeOf(const Instruction &i) {
  return {static_cast<std::uint8_t>(i.variant >> 16), static_cast<std::uint8_t>(i.variant >> 8),
          static_cast<std::uint8_t>(i.variant)};
}
constexpr std::uint32_t packShape(MatrixShape s) {
  return std::uint32_t{s.m} << 16 | std::uint32_t{s.n} << 8 | s.k;
}

struct FragmentRegisters {
  unsigned a, b, c;
};
FragmentRegisters registersOf(const Instruction &i, unsigned elementBits, unsigned resultBits) {
  const MatrixShape shape = shapeOf(i);
  return {registersOfA(shape, elementBits), registersOfB(shape, elementBits),
          registersOfC(shape, resultBits)};
}

constexpr unsigned kMaxK = 32;

/// The operands of one instruction as dense matrices.
template <typename T> struct Tile {
  alignas(64) T a[16][kMaxK];
  alignas(64) T b[kMaxK][8];
  alignas(64) T sum[16][8];
};

template <typename T> void multiply(Tile<T> &tile, MatrixShape shape) {
  multiplyTiles(
      TileProduct<T>{tile.a[0], kMaxK, tile.b[0], 8, tile.sum[0], 8, shape.m, 8, shape.k});
}

/// Spreads A and B. The four lanes of a group hold neighbours: of a row of A, of a column of B
/// (FragmentLayout.h); widenA(lanes, out) and widenB give their elements in that order.
template <unsigned Bits, typename T, typename WidenA, typename WidenB>
void gather(const Warp &warp, const Instruction &i, FragmentRegisters count, Tile<T> &tile,
            WidenA widenA, WidenB widenB) {
  constexpr unsigned kLanes = 4, kElements = kLanes * packedElements(Bits);
  const MatrixShape shape = shapeOf(i);
  const Operand *sources = i.operands + i.destinations;
  for (unsigned q = 0; q < count.a; ++q) {
    const auto *lanes = laneArray<std::uint32_t>(warp, sources[q]);
    for (unsigned lane = 0; lane < kWarpSize; lane += kLanes) {
      const MatrixPosition p = elementOfA(shape, Bits, lane, q, 0);
      widenA(lanes + lane, &tile.a[p.row][p.column]);
    }
  }
  for (unsigned q = 0; q < count.b; ++q) {
    const auto *lanes = laneArray<std::uint32_t>(warp, sources[count.a + q]);
    for (unsigned lane = 0; lane < kWarpSize; lane += kLanes) {
      T elements[kElements];
      widenB(lanes + lane, elements);
      const MatrixPosition p = elementOfB(Bits, lane, q, 0);
      for (unsigned e = 0; e < kElements; ++e)
        tile.b[p.row + e][p.column] = elements[e];
    }
  }
}

void countFlops(Warp &warp, const Instruction &i) {
  const MatrixShape shape = shapeOf(i);
  warp.cluster().counts.matrixFlops += std::uint64_t{2} * shape.m * shape.n * shape.k;
}

/// The elements of four lanes of a fragment register.
template <Type Element> void widenLanes(const std::uint32_t *lanes, float *out) {
  if constexpr (Element == Type::TF32) {
    for (unsigned e = 0; e < 4; ++e)
      out[e] = tf32ToFloat(lanes[e]);
  } else if constexpr (Element == Type::F16 || Element == Type::BF16) {
    std::uint16_t halves[8];
    std::memcpy(halves, lanes, sizeof halves);
    for (unsigned e = 0; e < 8; ++e)
      out[e] = Element == Type::F16 ? halfToFloat(halves[e]) : bfloat16ToFloat(halves[e]);
  } else {
    const auto &table = Element == Type::E4M3 ? e4m3Values() : e5m2Values();
    std::uint8_t bytes[16];
    std::memcpy(bytes, lanes, sizeof bytes);
    for (unsigned e = 0; e < 16; ++e)
      out[e] = table[bytes[e]];
  }
}

/// One register of D: C + sum, where `sum` is the first of its elements.
template <bool kHalf> std::uint32_t accumulated(std::uint32_t old, const float *sum) {
  if constexpr (!kHalf)
    return std::bit_cast<std::uint32_t>(std::bit_cast<float>(old) + sum[0]);
  const auto low = static_cast<std::uint16_t>(old), high = static_cast<std::uint16_t>(old >> 16);
  return floatToHalf(halfToFloat(low) + sum[0]) |
         std::uint32_t{floatToHalf(halfToFloat(high) + sum[1])} << 16;
}

/// D = C + sum for f32 and f16 accumulators. Reads all of C before it writes D: they may overlap.
template <bool kHalf>
void accumulateFloat(const Warp &warp, const Instruction &i, const Operand *c, unsigned count,
                     const Tile<float> &tile) {
  std::uint32_t out[4][kWarpSize];
  for (unsigned q = 0; q < count; ++q) {
    const auto *old = laneArray<std::uint32_t>(warp, c[q]);
    for (unsigned lane = 0; lane < kWarpSize; ++lane) {
      const MatrixPosition p = elementOfC(kHalf ? 16 : 32, lane, q, 0);
      out[q][lane] = accumulated<kHalf>(old[lane], &tile.sum[p.row][p.column]);
    }
  }
  for (unsigned q = 0; q < count; ++q)
    std::copy(out[q], out[q] + kWarpSize, laneArray<std::uint32_t>(warp, i.operands[q]));
}

/// The types of A and B differ for fp8 alone.
template <Type A, Type B> Step mmaFloat(Warp &warp, const Instruction &i, LaneMask mask) {
  if (!requireFullWarp(warp, i, mask))
    return Step::Fault;
  constexpr unsigned bits = A == Type::TF32 ? 32 : A == Type::F16 || A == Type::BF16 ? 16 : 8;
  const FragmentRegisters count = registersOf(i, bits, i.type == Type::F16 ? 16 : 32);
  Tile<float> tile;
  gather<bits>(warp, i, count, tile, widenLanes<A>, widenLanes<B>);
  multiply(tile, shapeOf(i));
  const Operand *c = i.operands + i.destinations + count.a + count.b;
  if (i.type == Type::F16)
    accumulateFloat<true>(warp, i, c, count.c, tile);
  else
    accumulateFloat<false>(warp, i, c, count.c, tile);
  countFlops(warp, i);
  return Step::Next;
}

/// The bytes of four lanes, each sign-extended or not.
void widenBytes(const std::uint32_t *lanes, bool isSigned, std::int32_t *out) {
  std::uint8_t bytes[16];
  std::memcpy(bytes, lanes, sizeof bytes);
  for (unsigned e = 0; e < 16; ++e)
    out[e] = isSigned ? static_cast<std::int8_t>(bytes[e]) : std::int32_t{bytes[e]};
}

/// variant2: bit 0 for signed A, bit 1 for signed B.
Step mmaInteger(Warp &warp, const Instruction &i, LaneMask mask) {
  if (!requireFullWarp(warp, i, mask))
    return Step::Fault;
  const FragmentRegisters count = registersOf(i, 8, 32);
  Tile<std::int32_t> tile;
  const Operand *sources = i.operands + i.destinations;
  const bool signedA = i.variant2 & 1, signedB = i.variant2 & 2;
  gather<8>(
      warp, i, count, tile,
      [&](const std::uint32_t *lanes, std::int32_t *out) { widenBytes(lanes, signedA, out); },
      [&](const std::uint32_t *lanes, std::int32_t *out) { widenBytes(lanes, signedB, out); });
  multiply(tile, shapeOf(i));
  const Operand *c = sources + count.a + count.b;
  std::int32_t out[4][kWarpSize];
  for (unsigned q = 0; q < count.c; ++q)
    for (unsigned lane = 0; lane < kWarpSize; ++lane) {
      const MatrixPosition p = elementOfC(32, lane, q, 0);
      std::int64_t value =
          std::int64_t{readLane<std::int32_t>(warp, c[q], lane)} + tile.sum[p.row][p.column];
      if (i.saturate)
        value = std::clamp<std::int64_t>(value, std::numeric_limits<std::int32_t>::min(),
                                         std::numeric_limits<std::int32_t>::max());
      out[q][lane] = static_cast<std::int32_t>(value);
    }
  for (unsigned q = 0; q < count.c; ++q)
    for (unsigned lane = 0; lane < kWarpSize; ++lane)
      writeLane(warp, i.operands[q], lane, out[q][lane]);
  countFlops(warp, i);
  return Step::Next;
}

/// m8n8k4 of f64: fused multiply-adds, K ascending from the accumulator.
Step mmaDouble(Warp &warp, const Instruction &i, LaneMask mask) {
  if (!requireFullWarp(warp, i, mask))
    return Step::Fault;
  const MatrixShape shape = shapeOf(i);
  const Operand *sources = i.operands + i.destinations;
  double a[8][4], b[4][8], out[2][kWarpSize];
  for (unsigned lane = 0; lane < kWarpSize; ++lane) {
    const MatrixPosition pa = elementOfA(shape, 64, lane, 0, 0), pb = elementOfB(64, lane, 0, 0);
    a[pa.row][pa.column] = readLane<double>(warp, sources[0], lane);
    b[pb.row][pb.column] = readLane<double>(warp, sources[1], lane);
  }
  for (unsigned q = 0; q < 2; ++q)
    for (unsigned lane = 0; lane < kWarpSize; ++lane) {
      const MatrixPosition p = elementOfC(64, lane, q, 0);
      out[q][lane] = readLane<double>(warp, sources[2 + q], lane);
      for (unsigned k = 0; k < 4; ++k)
        out[q][lane] = __builtin_fma(a[p.row][k], b[k][p.column], out[q][lane]);
    }
  for (unsigned q = 0; q < 2; ++q)
    for (unsigned lane = 0; lane < kWarpSize; ++lane)
      writeLane(warp, i.operands[q], lane, out[q][lane]);
  countFlops(warp, i);
  return Step::Next;
}

/// A legal combination of shape and element type.
struct MmaForm {
  MatrixShape shape;
  Type element;
};
constexpr MmaForm kForms[] = {
    {{16, 8, 8}, Type::F16},   {{16, 8, 16}, Type::F16},  {{16, 8, 8}, Type::BF16},
    {{16, 8, 16}, Type::BF16}, {{16, 8, 4}, Type::TF32},  {{16, 8, 8}, Type::TF32},
    {{16, 8, 16}, Type::E4M3}, {{16, 8, 32}, Type::E4M3}, {{16, 8, 16}, Type::E5M2},
    {{16, 8, 32}, Type::E5M2}, {{8, 8, 16}, Type::S8},    {{16, 8, 16}, Type::S8},
    {{16, 8, 32}, Type::S8},   {{8, 8, 4}, Type::F64},
};
constexpr MatrixShape kShapes[] = {{16, 8, 4},  {16, 8, 8}, {16, 8, 16},
                                   {16, 8, 32}, {8, 8, 16}, {8, 8, 4}};

Handler floatHandler(Type a, Type b) {
  switch (a) {
  case Type::F16:
    return mmaFloat<Type::F16, Type::F16>;
  case Type::BF16:
    return mmaFloat<Type::BF16, Type::BF16>;
  case Type::TF32:
    return mmaFloat<Type::TF32, Type::TF32>;
  case Type::E4M3:
    return b == a ? mmaFloat<Type::E4M3, Type::E4M3> : mmaFloat<Type::E4M3, Type::E5M2>;
  default:
    return b == a ? mmaFloat<Type::E5M2, Type::E5M2> : mmaFloat<Type::E5M2, Type::E4M3>;
  }
}

bool isFp8(Type t) { return t == Type::E4M3 || t == Type::E5M2; }
bool isInteger8(Type t) { return t == Type::S8 || t == Type::U8; }

void chooseHandler(Decoder &d, Type a, Type b, Type result) {
  if (isInteger8(a) && isInteger8(b) && result == Type::S32) {
    d.out.variant2 = (a == Type::S8 ? 1u : 0u) | (b == Type::S8 ? 2u : 0u);
    d.out.handler = mmaInteger;
  } else if (a == Type::F64 && b == a && result == a) {
    d.out.handler = mmaDouble;
  } else if ((a == b || (isFp8(a) && isFp8(b))) && !isInteger8(a) && a != Type::F64 &&
             (result == Type::F32 || (result == Type::F16 && (a == Type::F16 || isFp8(a))))) {
    d.out.handler = floatHandler(a, b);
  } else {
    d.fail("mma: no such combination of types");
  }
}

absl::Status decodeMma(Decoder &d) {
  d.oneOf({"aligned"});
  const MatrixShape shape =
      kShapes[d.oneOf({"m16n8k4", "m16n8k8", "m16n8k16", "m16n8k32", "m8n8k16", "m8n8k4"})];
  d.oneOf({"row"});
  d.oneOf({"col"});
  d.out.saturate = d.accept("satfinite");
  const Type result = d.type({Type::F16, Type::F32, Type::S32, Type::F64});
  const auto element = [&] {
    return d.type(
        {Type::F16, Type::BF16, Type::TF32, Type::E4M3, Type::E5M2, Type::S8, Type::U8, Type::F64});
  };
  const Type a = element(), b = element();
  if (d.type({result}) != result)
    d.fail("mma: C and D have to be of one type");
  const Type key = isInteger8(a) ? Type::S8 : a;
  if (std::none_of(std::begin(kForms), std::end(kForms), [&](const MmaForm &form) {
        return packShape(form.shape) == packShape(shape) && form.element == key;
      }))
    d.fail("mma: this shape does not exist for these element types");
  if (d.out.saturate && result != Type::S32)
    d.fail("mma: .satfinite needs integers");
  d.out.variant = packShape(shape);
  d.out.type = result;
  d.out.instructionClass = InstructionClass::Matrix;
  chooseHandler(d, a, b, result);

  d.expectOperands(4);
  const unsigned bits = a == Type::F64 ? 64 : matrixElementBits(a);
  const unsigned resultBits = byteSize(result) * 8;
  const Type wide = a == Type::F64 ? Type::B64 : Type::B32;
  const std::size_t counts[] = {d.destinationVector(0, wide), d.sourceVector(1, wide),
                                d.sourceVector(2, wide), d.sourceVector(3, wide)};
  const std::size_t wanted[] = {registersOfC(shape, resultBits), registersOfA(shape, bits),
                                registersOfB(shape, bits), registersOfC(shape, resultBits)};
  if (!std::equal(std::begin(counts), std::end(counts), std::begin(wanted)))
    d.fail("mma: wrong number of fragment registers");
  return absl::OkStatus();
}

} // namespace

void addMmaInstructions(InstructionTable &table) { table.add("mma.sync", decodeMma); }

} // namespace qvlsim
