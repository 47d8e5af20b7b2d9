// Projections for tests: the text of a kernel function and random operands.
#pragma once

#include "RowFixture.h"

namespace qvl::test {

/// An epilogue: its weights, the ranks of its operands and its region, with %a0, %a1 the sums and
/// %b0, %b1 the operands.
struct LinearEpilogue {
  int weights;
  std::vector<int> ranks;
  std::string region;
};
extern const LinearEpilogue kIdentity, kBias, kGelu, kResidual, kGatedUnit;

/// A qvl.fused_linear with elements of its activations and weights.
struct LinearCase {
  int64_t columns, depth;
  std::string input = "bf16", weight = "bf16", result = "bf16";
  const LinearEpilogue *epilogue = &kBias;
  bool fewRows = false;
  int64_t load = 0, store = 0; // groups of row maps; 0: none

  std::string text() const;
  /// Random operands for `rows` rows, the same for the same numbers.
  RowCase operands(int64_t rows) const;
  /// Error of the sums of operands below one, carried through the epilogue and the rounding of the
  /// result.
  Tolerance tolerance() const;
};

/// The result by chains of fused multiply-adds in f32 over ascending k, for kIdentity and kBias
/// without maps: what an f32 kernel of many rows gives bit for bit.
std::vector<double> chains(const LinearCase &c, const RowCase &operands);

} // namespace qvl::test
