// Properties of the interval packing.
#include "qvlrt/arena.h"

#include "StatusMatchers.h"

#include <algorithm>
#include <gtest/gtest.h>
#include <random>

namespace qvlrt {
namespace {

using test::FailsWith;

std::uint64_t roundUp(std::uint64_t bytes) { return (bytes + 63) / 64 * 64; }

/// Bytes that live at the busiest command: no plan is smaller.
std::uint64_t lowerBound(std::span<const LiveInterval> intervals) {
  std::uint64_t bound = 0;
  for (const LiveInterval &at : intervals) {
    std::uint64_t live = 0;
    for (const LiveInterval &other : intervals)
      if (other.first <= at.first && at.first <= other.last)
        live += roundUp(other.bytes);
    bound = std::max(bound, live);
  }
  return bound;
}

void expectSound(std::span<const LiveInterval> intervals, const ArenaPlan &plan) {
  ASSERT_EQ(plan.offsets.size(), intervals.size());
  for (std::size_t i = 0; i < intervals.size(); ++i) {
    EXPECT_EQ(plan.offsets[i] % 64, 0u);
    EXPECT_LE(plan.offsets[i] + intervals[i].bytes, plan.bytes);
    for (std::size_t j = 0; j < i; ++j) {
      bool touch =
          intervals[i].first <= intervals[j].last && intervals[j].first <= intervals[i].last;
      bool disjoint = plan.offsets[i] + intervals[i].bytes <= plan.offsets[j] ||
                      plan.offsets[j] + intervals[j].bytes <= plan.offsets[i];
      bool empty = intervals[i].bytes == 0 || intervals[j].bytes == 0;
      EXPECT_TRUE(!touch || disjoint || empty) << i << " and " << j << " share memory";
    }
  }
}

TEST(Arena, KeepsLivingBuffersApartOnRandomLives) {
  std::mt19937 random(7);
  for (int round = 0; round < 200; ++round) {
    std::vector<LiveInterval> intervals(random() % 40);
    for (LiveInterval &interval : intervals) {
      interval.first = random() % 20;
      interval.last = interval.first + random() % 6;
      interval.bytes = random() % 5 == 0 ? 0 : random() % 5000;
    }
    absl::StatusOr<ArenaPlan> plan = packArena(intervals, 64, 1 << 30);
    ASSERT_OK(plan.status());
    expectSound(intervals, *plan);
    EXPECT_GE(plan->bytes, lowerBound(intervals));
    std::uint64_t sum = 0;
    for (const LiveInterval &interval : intervals)
      sum += roundUp(interval.bytes);
    EXPECT_LE(plan->bytes, sum);
  }
}

TEST(Arena, ChainOfEqualBuffersTakesTwo) {
  std::vector<LiveInterval> chain;
  for (std::uint32_t i = 0; i < 50; ++i)
    chain.push_back({i, i + 1, 640});
  absl::StatusOr<ArenaPlan> plan = packArena(chain, 64, 1 << 20);
  ASSERT_OK(plan.status());
  EXPECT_EQ(plan->bytes, 2 * 640u);
}

TEST(Arena, SmallBufferFillsTheGapThatALargeOneLeaves) {
  // The two large ones live apart and share a place; the small ones fit beside the smaller of them.
  const LiveInterval intervals[] = {{0, 1, 1024}, {2, 3, 512}, {2, 3, 512}};
  absl::StatusOr<ArenaPlan> plan = packArena(intervals, 64, 1 << 20);
  ASSERT_OK(plan.status());
  EXPECT_EQ(plan->bytes, 1024u);
}

TEST(Arena, IsTheSameForTheSameIntervals) {
  const LiveInterval intervals[] = {{0, 4, 100}, {1, 2, 100}, {1, 3, 100}, {3, 4, 100}};
  EXPECT_EQ(packArena(intervals, 64, 1 << 20)->offsets, packArena(intervals, 64, 1 << 20)->offsets);
}

TEST(Arena, RefusesToPassTheLimit) {
  const LiveInterval two[] = {{0, 1, 600}, {0, 1, 600}};
  EXPECT_THAT(packArena(two, 64, 1000).status(),
              FailsWith(absl::StatusCode::kResourceExhausted, "of 1000 available"));
  const LiveInterval one[] = {{0, 1, 2000}};
  EXPECT_THAT(packArena(one, 64, 1000).status(),
              FailsWith(absl::StatusCode::kResourceExhausted, "one buffer needs 2000 bytes"));
}

TEST(Arena, SumsDoNotOverflow) {
  std::vector<LiveInterval> huge(8, {0, 1, std::uint64_t{1} << 61});
  EXPECT_THAT(packArena(huge, 64, UINT64_MAX).status(),
              FailsWith(absl::StatusCode::kResourceExhausted, "arena"));
  const LiveInterval largest[] = {{0, 1, UINT64_MAX}};
  EXPECT_THAT(packArena(largest, 64, UINT64_MAX).status(),
              FailsWith(absl::StatusCode::kResourceExhausted, "one buffer"));
}

TEST(Arena, OfNothingIsEmpty) { EXPECT_EQ(packArena({}, 64, 100)->bytes, 0u); }

} // namespace
} // namespace qvlrt
