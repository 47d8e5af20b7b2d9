// Which matrix element each lane holds in each register of a fragment (PTX ISA 9.0, section
// 9.7.14.5, "Matrix fragments for mma").
//
// With g = lane / 4 ("groupID"), t = lane % 4 ("threadID_in_group") and p elements packed in a
// 32-bit register, the tables of all element widths are one formula each:
//   A, register q, element e: row g + 8 (q mod 2), column p t + 4 p (q / 2) + e   (16 rows)
//                             row g,               column p t + 4 p q + e         (8 rows)
//   B, register q, element e: row p t + 4 p q + e, column g
//   C, 32-bit:   register q:  row g + 8 (q / 2),   column 2 t + (q mod 2)
//   C, 16-bit:   register q, element e: row g + 8 q, column 2 t + e
// 64-bit elements fill a register each, p = 1.
#pragma once

#include <cstdint>

namespace qvlsim {

struct MatrixShape {
  std::uint8_t m = 16, n = 8, k = 16;
};

struct MatrixPosition {
  unsigned row = 0, column = 0;
  friend constexpr bool operator==(const MatrixPosition &, const MatrixPosition &) = default;
};

/// Elements in one register of a lane.
constexpr unsigned packedElements(unsigned elementBits) {
  return elementBits >= 32 ? 1 : 32 / elementBits;
}

constexpr unsigned registersOfA(MatrixShape shape, unsigned elementBits) {
  return shape.m * shape.k / 32 / packedElements(elementBits);
}
constexpr unsigned registersOfB(MatrixShape shape, unsigned elementBits) {
  return shape.n * shape.k / 32 / packedElements(elementBits);
}
constexpr unsigned registersOfC(MatrixShape shape, unsigned elementBits) {
  return shape.m * shape.n / 32 / packedElements(elementBits);
}

constexpr MatrixPosition elementOfA(MatrixShape shape, unsigned elementBits, unsigned lane,
                                    unsigned reg, unsigned element) {
  const unsigned packed = packedElements(elementBits), rowHalves = shape.m / 8;
  return {lane / 4 + 8 * (reg % rowHalves),
          packed * (lane % 4) + 4 * packed * (reg / rowHalves) + element};
}
constexpr MatrixPosition elementOfB(unsigned elementBits, unsigned lane, unsigned reg,
                                    unsigned element) {
  const unsigned packed = packedElements(elementBits);
  return {packed * (lane % 4) + 4 * packed * reg + element, lane / 4};
}
constexpr MatrixPosition elementOfC(unsigned elementBits, unsigned lane, unsigned reg,
                                    unsigned element) {
  if (elementBits == 16)
    return {lane / 4 + 8 * reg, 2 * (lane % 4) + element};
  return {lane / 4 + 8 * (reg / 2), 2 * (lane % 4) + reg % 2};
}

/// wgmma, D of m64nN (section 9.7.15.5): each warp holds 16 rows, column blocks of 8 as in mma.
/// Rows count from the first row of the warp.
constexpr MatrixPosition elementOfWarpgroupD(unsigned elementBits, unsigned lane, unsigned reg,
                                             unsigned element) {
  const unsigned perBlock = elementBits == 16 ? 2 : 4;
  MatrixPosition position = elementOfC(elementBits, lane, reg % perBlock, element);
  position.column += 8 * (reg / perBlock);
  return position;
}

} // namespace qvlsim
