// Boxes of tensor copies: which bytes of global memory meet which bytes of shared memory.
#pragma once

#include "Async/Swizzle.h"
#include "qvlsim/TensorMap.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>

namespace qvlsim {

/// One innermost row of a box. Elements [first, last) lie in the tensor; their bytes start at
/// `address`. An empty range: the whole row lies outside.
struct TensorRow {
  std::uint64_t sharedOffset = 0; // bytes from the start of the box, before swizzling
  std::uint32_t first = 0, last = 0;
  std::uint64_t address = 0;
};

/// Calls visit(row) -> bool for the rows of the box at `coordinates`, innermost first; stops and
/// returns false at the first false.
template <typename Visit>
bool forTensorRows(const TensorMap &map, std::span<const std::int32_t> coordinates, Visit visit) {
  std::array<std::uint32_t, kMaxTensorRank> index{};
  const std::uint64_t rowBytes = std::uint64_t{map.box[0]} * map.elementBytes;
  const std::uint64_t rows = map.boxBytes() / rowBytes;
  for (std::uint64_t n = 0; n < rows; ++n) {
    TensorRow row{.sharedOffset = n * rowBytes, .address = map.address};
    bool inside = true;
    for (unsigned r = 1; r < map.rank; ++r) {
      const std::int64_t at = coordinates[r] + std::int64_t{index[r]} * map.steps[r];
      inside &= at >= 0 && at < static_cast<std::int64_t>(map.dims[r]);
      if (inside)
        row.address += static_cast<std::uint64_t>(at) * map.strides[r];
    }
    const std::int64_t start = coordinates[0], extent = static_cast<std::int64_t>(map.dims[0]);
    const std::int64_t first = std::max<std::int64_t>(0, -start);
    const std::int64_t last = std::min<std::int64_t>(map.box[0], extent - start);
    if (inside && first < last) {
      row.first = static_cast<std::uint32_t>(first);
      row.last = static_cast<std::uint32_t>(last);
      row.address += static_cast<std::uint64_t>(start + first) * map.elementBytes;
    }
    if (!visit(row))
      return false;
    for (unsigned r = 1; r < map.rank && ++index[r] == map.box[r]; ++r)
      index[r] = 0;
  }
  return true;
}

} // namespace qvlsim
