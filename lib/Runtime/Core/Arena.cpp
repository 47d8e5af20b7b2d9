#include "qvlrt/arena.h"

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

#include <algorithm>
#include <numeric>
#include <tuple>

namespace qvlrt {

namespace {

bool livesTouch(const LiveInterval &a, const LiveInterval &b) {
  return a.first <= b.last && b.first <= a.last;
}

std::uint64_t roundUp(std::uint64_t bytes, std::uint64_t alignment) {
  return (bytes + alignment - 1) & ~(alignment - 1);
}

/// A block of memory that an interval placed earlier holds.
struct Block {
  std::uint64_t begin;
  std::uint64_t end;
};

/// The lowest offset where `bytes` fit between `blocks`, which are sorted by their begin and may
/// overlap.
std::uint64_t lowestGap(std::span<const Block> blocks, std::uint64_t bytes) {
  std::uint64_t offset = 0;
  for (const Block &block : blocks) {
    if (block.begin >= offset && block.begin - offset >= bytes)
      break;
    offset = std::max(offset, block.end);
  }
  return offset;
}

/// Indices of the intervals by falling size; equal sizes by first command, then by number, so that
/// the order is unique.
std::vector<std::uint32_t> largestFirst(std::span<const LiveInterval> intervals) {
  std::vector<std::uint32_t> order(intervals.size());
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) {
    auto key = [&](std::uint32_t i) {
      return std::tuple(~intervals[i].bytes, intervals[i].first, i);
    };
    return key(a) < key(b);
  });
  return order;
}

} // namespace

absl::StatusOr<ArenaPlan> packArena(std::span<const LiveInterval> intervals,
                                    std::uint64_t alignment, std::uint64_t limit) {
  // Far above any memory, far below an overflow of sums.
  limit = std::min(limit, std::uint64_t{1} << 62);
  ArenaPlan plan;
  plan.offsets.resize(intervals.size());
  std::vector<std::uint32_t> placed;
  std::vector<Block> neighbours;
  for (std::uint32_t index : largestFirst(intervals)) {
    const LiveInterval &interval = intervals[index];
    if (interval.bytes == 0)
      continue; // needs no place; offset 0 is as good as any
    if (interval.bytes > limit)
      return absl::ResourceExhaustedError(
          absl::StrCat("one buffer needs ", interval.bytes, " bytes of ", limit, " available"));
    std::uint64_t bytes = roundUp(interval.bytes, alignment);
    neighbours.clear();
    for (std::uint32_t other : placed)
      if (livesTouch(interval, intervals[other]))
        neighbours.push_back({plan.offsets[other],
                              plan.offsets[other] + roundUp(intervals[other].bytes, alignment)});
    std::sort(neighbours.begin(), neighbours.end(),
              [](const Block &a, const Block &b) { return a.begin < b.begin; });
    std::uint64_t offset = lowestGap(neighbours, bytes);
    if (offset > limit || bytes > limit - offset)
      return absl::ResourceExhaustedError(absl::StrCat("the arena needs more than ", offset, " + ",
                                                       bytes, " bytes of ", limit, " available"));
    plan.offsets[index] = offset;
    plan.bytes = std::max(plan.bytes, offset + bytes);
    placed.push_back(index);
  }
  return plan;
}

} // namespace qvlrt
