// Packs buffers with life ranges into one block of memory.
#pragma once

#include "absl/status/statusor.h"

#include <cstdint>
#include <span>
#include <vector>

namespace qvlrt {

/// A buffer that lives from command `first` to command `last`, both included.
struct LiveInterval {
  std::uint32_t first = 0;
  std::uint32_t last = 0;
  std::uint64_t bytes = 0;
};

/// Offsets of the intervals, in their order, each a multiple of the alignment, and the size of the
/// block.
struct ArenaPlan {
  std::vector<std::uint64_t> offsets;
  std::uint64_t bytes = 0;
};

/// Interval first-fit, largest first: each interval takes the lowest gap between those placed
/// before it whose lives touch its own. Two intervals that live at a common command never share a
/// byte. `alignment` is a power of two. Error: ResourceExhausted when the block would pass `limit`
/// bytes.
absl::StatusOr<ArenaPlan> packArena(std::span<const LiveInterval> intervals,
                                    std::uint64_t alignment, std::uint64_t limit);

} // namespace qvlrt
