// Weights in the stored form of projections.
#pragma once

#include "KernelFixture.h"

#include <cstddef>
#include <span>
#include <string>
#include <vector>

namespace qvl::test {

/// The attribute dictionary of a weight [columns, depth] that is stored in panels of 32 rows: bf16
/// in pairs of k, f32 singly.
std::string panelEncoding(int64_t columns, int64_t depth, bool bf16);

/// The same of two weights of `columns` rows each, which take turns in blocks of 8 rows.
std::string pairEncoding(int64_t columns, int64_t depth, bool bf16);

/// Two weights, one below the other, as one [2 * roundUp(columns, 16), depth] whose panels hold
/// them in turns; rows beyond `columns` are zero.
std::vector<float> interleave(std::span<const float> pair, int64_t columns, int64_t depth);

/// The bytes of such a weight, `[N/32][K/group][32][group]`; rows and columns beyond N and K are
/// zero. bf16 rounds to nearest even.
std::vector<std::byte> packPanels(std::span<const float> weight, int64_t columns, int64_t depth,
                                  bool bf16);

} // namespace qvl::test
