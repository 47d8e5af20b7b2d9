// ldmatrix and stmatrix (PTX ISA 9.0, sections 9.7.14.5.15 and 9.7.14.5.16): 8x8 matrices of 16-bit
// elements, one row of 16 bytes a lane. Lane l holds elements 2 (l mod 4) and the next of row l /
// 4; with .trans, row and column change places.
#include "Exec/Lanes.h"
#include "Isa/FullWarp.h"
#include "Memory/Access.h"
#include "Module/Decode.h"
#include "Module/InstructionTable.h"

namespace qvlsim {
namespace {

/// Where element `e` (0 or 1) of a lane lies: the row's address belongs to lane 8 q + row.
struct Element {
  unsigned row, column;
};
constexpr Element elementOf(unsigned lane, unsigned e, bool transposed) {
  const unsigned major = lane / 4, minor = 2 * (lane % 4) + e;
  return transposed ? Element{minor, major} : Element{major, minor};
}

bool accessRows(Warp &warp, const Instruction &i, LaneMask mask, const Operand &address,
                AccessKind kind, LaneAccess &access) {
  if (!requireFullWarp(warp, i, mask))
    return false;
  const LaneMask rows = i.elements == 4 ? kAllLanes : (LaneMask{1} << 8 * i.elements) - 1;
  const AccessRequest request{.kind = kind, .space = i.space, .bytes = 16};
  return accessMemory(warp, i, rows, address, request, access);
}

Step loadMatrix(Warp &warp, const Instruction &i, LaneMask mask) {
  LaneAccess access;
  if (!accessRows(warp, i, mask, i.operands[i.elements], AccessKind::Read, access))
    return Step::Fault;
  for (unsigned q = 0; q < i.elements; ++q) {
    auto *lanes = laneArray<std::uint32_t>(warp, i.operands[q]);
    std::uint16_t rows[8][8];
    for (unsigned r = 0; r < 8; ++r)
      std::memcpy(rows[r], access.data[8 * q + r], 16);
    for (unsigned lane = 0; lane < kWarpSize; ++lane) {
      const Element low = elementOf(lane, 0, i.variant), high = elementOf(lane, 1, i.variant);
      lanes[lane] = rows[low.row][low.column] | std::uint32_t{rows[high.row][high.column]} << 16;
    }
  }
  return Step::Next;
}

Step storeMatrix(Warp &warp, const Instruction &i, LaneMask mask) {
  LaneAccess access;
  if (!accessRows(warp, i, mask, i.operands[0], AccessKind::Write, access))
    return Step::Fault;
  for (unsigned q = 0; q < i.elements; ++q) {
    const auto *lanes = laneArray<std::uint32_t>(warp, i.operands[1 + q]);
    std::uint16_t rows[8][8];
    for (unsigned lane = 0; lane < kWarpSize; ++lane)
      for (unsigned e = 0; e < 2; ++e) {
        const Element at = elementOf(lane, e, i.variant);
        rows[at.row][at.column] = static_cast<std::uint16_t>(lanes[lane] >> 16 * e);
      }
    for (unsigned r = 0; r < 8; ++r)
      std::memcpy(access.data[8 * q + r], rows[r], 16);
  }
  access.markWritten(i.elements == 4 ? kAllLanes : (LaneMask{1} << 8 * i.elements) - 1);
  return Step::Next;
}

void decodeModifiers(Decoder &d) {
  d.oneOf({"sync"});
  d.oneOf({"aligned"});
  if (d.peek() == "m16n16" || d.peek() == "m8n16" || d.peek() == "m16n8")
    d.fail("matrices of 8-bit and smaller elements are not supported, only m8n8 with .b16");
  d.oneOf({"m8n8"});
  constexpr std::uint8_t kCounts[] = {1, 2, 4};
  d.out.elements = kCounts[d.oneOf({"x1", "x2", "x4"})];
  d.out.variant = d.accept("trans");
  const int space = d.optionalOf({"shared", "shared::cta"});
  d.out.space = space < 0 ? StateSpace::Generic : StateSpace::Shared;
  d.oneOf({"b16"});
  d.out.instructionClass = InstructionClass::Matrix;
  d.expectOperands(2);
}

absl::Status decodeLoad(Decoder &d) {
  decodeModifiers(d);
  d.out.handler = loadMatrix;
  if (d.destinationVector(0, Type::B32) != d.out.elements)
    d.fail("ldmatrix: wrong number of destination registers");
  d.address(1, d.out.space);
  return absl::OkStatus();
}

absl::Status decodeStore(Decoder &d) {
  decodeModifiers(d);
  d.out.handler = storeMatrix;
  d.address(0, d.out.space);
  if (d.sourceVector(1, Type::B32) != d.out.elements)
    d.fail("stmatrix: wrong number of source registers");
  return absl::OkStatus();
}

} // namespace

void addLdMatrixInstructions(InstructionTable &table) {
  table.add("ldmatrix", decodeLoad);
  table.add("stmatrix", decodeStore);
}

} // namespace qvlsim
