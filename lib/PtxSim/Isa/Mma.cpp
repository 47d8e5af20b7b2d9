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

/// Spreads A and B; widen(registerLane, out) gives the packed elements of one register.
template <unsigned Bits, typename T, typename Widen>
void gather(const Warp &warp, const Instruction &i, FragmentRegisters count, Tile<T> &tile,
            Widen widen) {
  constexpr unsigned packed = packedElements(Bits);
  const MatrixShape shape = shapeOf(i);
  const Operand *sources = i.operands + i.destinations;
  for (unsigned q = 0; q < count.a; ++q) {
    const auto *lanes = laneArray<std::uint32_t>(warp, sources[q]);
    for (unsigned lane = 0; lane < kWarpSize; ++lane) {
      const MatrixPosition p = elementOfA(shape, Bits, lane, q, 0);
      widen(lanes[lane], &tile.a[p.row][p.column]);
    }
  }
  for (unsigned q = 0; q < count.b; ++q) {
    const auto *lanes = laneArray<std::uint32_t>(warp, sources[count.a + q]);
    for (unsigned lane = 0; lane < kWarpSize; ++lane) {
      T elements[packed];
      widen(lanes[lane], elements);
      const MatrixPosition p = elementOfB(Bits, lane, q, 0);
      for (unsigned e = 0; e < packed; ++e)
        tile.b[p.row + e][p.column] = elements[e];
    }
  }
}

void countFlops(Warp &warp, const Instruction &i) {
  const MatrixShape shape = shapeOf(i);
  warp.cluster().counts.matrixFlops += std::uint64_t{2} * shape.m * shape.n * shape.k;
}

template <Type Element> void widenRegister(std::uint32_t bits, float *out) {
  if constexpr (Element == Type::TF32) {
    out[0] = tf32ToFloat(bits);
  } else if constexpr (Element == Type::F16 || Element == Type::BF16) {
    for (unsigned e = 0; e < 2; ++e) {
      const auto half = static_cast<std::uint16_t>(bits >> 16 * e);
      out[e] = Element == Type::F16 ? halfToFloat(half) : bfloat16ToFloat(half);
    }
  } else {
    const auto &table = Element == Type::E4M3 ? e4m3Values() : e5m2Values();
    for (unsigned e = 0; e < 4; ++e)
      out[e] = table[bits >> 8 * e & 0xFF];
  }
}

/// D = C + sum for f32 and f16 accumulators. Reads all of C before it writes D: they may overlap.
void accumulateFloat(const Warp &warp, const Instruction &i, const Operand *c, unsigned count,
                     const Tile<float> &tile) {
  const bool half = i.type == Type::F16;
  std::uint32_t out[4][kWarpSize];
  for (unsigned q = 0; q < count; ++q)
    for (unsigned lane = 0; lane < kWarpSize; ++lane) {
      const std::uint32_t old = laneArray<std::uint32_t>(warp, c[q])[lane];
      const MatrixPosition p = elementOfC(half ? 16 : 32, lane, q, 0);
      const float *sum = &tile.sum[p.row][p.column];
      out[q][lane] = half ? floatToHalf(halfToFloat(static_cast<std::uint16_t>(old)) + sum[0]) |
                                std::uint32_t{floatToHalf(
                                    halfToFloat(static_cast<std::uint16_t>(old >> 16)) + sum[1])}
                                    << 16
                          : std::bit_cast<std::uint32_t>(std::bit_cast<float>(old) + sum[0]);
    }
  for (unsigned q = 0; q < count; ++q)
    std::copy(out[q], out[q] + kWarpSize, laneArray<std::uint32_t>(warp, i.operands[q]));
}

template <Type Element> Step mmaFloat(Warp &warp, const Instruction &i, LaneMask mask) {
  if (!requireFullWarp(warp, i, mask))
    return Step::Fault;
  constexpr unsigned bits = Element == Type::TF32                           ? 32
                            : Element == Type::F16 || Element == Type::BF16 ? 16
                                                                            : 8;
  const FragmentRegisters count = registersOf(i, bits, i.type == Type::F16 ? 16 : 32);
  Tile<float> tile;
  gather<bits>(warp, i, count, tile, widenRegister<Element>);
  multiply(tile, shapeOf(i));
  accumulateFloat(warp, i, i.operands + i.destinations + count.a + count.b, count.c, tile);
  countFlops(warp, i);
  return Step::Next;
}

/// variant2: bit 0 for signed A, bit 1 for signed B.
Step mmaInteger(Warp &warp, const Instruction &i, LaneMask mask) {
  if (!requireFullWarp(warp, i, mask))
    return Step::Fault;
  const FragmentRegisters count = registersOf(i, 8, 32);
  Tile<std::int32_t> tile;
  unsigned part = 0;
  const Operand *sources = i.operands + i.destinations;
  // A and B differ in signedness, so each is gathered with its own widening.
  for (const bool isSigned : {(i.variant2 & 1) != 0, (i.variant2 & 2) != 0}) {
    Tile<std::int32_t> half;
    gather<8>(warp, i, count, half, [&](std::uint32_t bits, std::int32_t *out) {
      for (unsigned e = 0; e < 4; ++e)
        out[e] = isSigned ? static_cast<std::int8_t>(bits >> 8 * e)
                          : static_cast<std::int32_t>(bits >> 8 * e & 0xFF);
    });
    if (part++ == 0)
      std::copy(&half.a[0][0], &half.a[0][0] + 16 * kMaxK, &tile.a[0][0]);
    else
      std::copy(&half.b[0][0], &half.b[0][0] + kMaxK * 8, &tile.b[0][0]);
  }
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

Handler floatHandler(Type element) {
  switch (element) {
  case Type::F16:
    return mmaFloat<Type::F16>;
  case Type::BF16:
    return mmaFloat<Type::BF16>;
  case Type::TF32:
    return mmaFloat<Type::TF32>;
  case Type::E4M3:
    return mmaFloat<Type::E4M3>;
  default:
    return mmaFloat<Type::E5M2>;
  }
}

/// A and B may differ for fp8 and for integers; mixed fp8 widens through per-operand tables.
template <bool FirstE4M3> Step mmaMixedFp8(Warp &warp, const Instruction &i, LaneMask mask) {
  if (!requireFullWarp(warp, i, mask))
    return Step::Fault;
  const FragmentRegisters count = registersOf(i, 8, i.type == Type::F16 ? 16 : 32);
  Tile<float> tile, second;
  gather<8>(warp, i, count, tile, widenRegister < FirstE4M3 ? Type::E4M3 : Type::E5M2 >);
  gather<8>(warp, i, count, second, widenRegister < FirstE4M3 ? Type::E5M2 : Type::E4M3 >);
  std::copy(&second.b[0][0], &second.b[0][0] + kMaxK * 8, &tile.b[0][0]);
  multiply(tile, shapeOf(i));
  accumulateFloat(warp, i, i.operands + i.destinations + count.a + count.b, count.c, tile);
  countFlops(warp, i);
  return Step::Next;
}

bool isFp8(Type t) { return t == Type::E4M3 || t == Type::E5M2; }
bool isInteger8(Type t) { return t == Type::S8 || t == Type::U8; }

void chooseHandler(Decoder &d, Type a, Type b, Type result) {
  if (isInteger8(a) && isInteger8(b) && result == Type::S32) {
    d.out.variant2 = (a == Type::S8 ? 1u : 0u) | (b == Type::S8 ? 2u : 0u);
    d.out.handler = mmaInteger;
  } else if (a == Type::F64 && b == a && result == a) {
    d.out.handler = mmaDouble;
  } else if (isFp8(a) && isFp8(b) && a != b) {
    d.out.handler = a == Type::E4M3 ? mmaMixedFp8<true> : mmaMixedFp8<false>;
  } else if (a == b &&
             (result == Type::F32 || (result == Type::F16 && (a == Type::F16 || isFp8(a))))) {
    d.out.handler = floatHandler(a);
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
