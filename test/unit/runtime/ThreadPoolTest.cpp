// Every tile once, on any number of threads; run with ThreadSanitizer in the sanitizer build.
#include "qvlrt/thread_pool.h"

#include "StatusMatchers.h"

#include <atomic>
#include <chrono>
#include <gtest/gtest.h>
#include <thread>
#include <vector>

namespace qvlrt {
namespace {

std::unique_ptr<ThreadPool> makePool(int threads) {
  absl::StatusOr<std::unique_ptr<ThreadPool>> pool = ThreadPool::create(threads);
  EXPECT_OK(pool.status());
  return *std::move(pool);
}

class ThreadPools : public testing::TestWithParam<int> {};
INSTANTIATE_TEST_SUITE_P(Threads, ThreadPools, testing::Values(1, 2, 3, 8, 33));

TEST_P(ThreadPools, RunEveryTileOnce) {
  std::unique_ptr<ThreadPool> pool = makePool(GetParam());
  for (std::int64_t tiles : {0, 1, 2, 7, 16, 17, 1000, 4099}) {
    std::vector<std::atomic<int>> counts(tiles);
    pool->run(tiles, [&](int worker, std::int64_t begin, std::int64_t end) {
      EXPECT_GE(worker, 0);
      EXPECT_LT(worker, pool->threads());
      for (std::int64_t tile = begin; tile < end; ++tile)
        counts[tile].fetch_add(1, std::memory_order_relaxed);
    });
    for (const std::atomic<int> &count : counts)
      EXPECT_EQ(count.load(), 1);
  }
}

TEST_P(ThreadPools, ManySmallJobsFollowEachOther) {
  std::unique_ptr<ThreadPool> pool = makePool(GetParam());
  // Plain integers: what one job writes the next reads, on whichever thread.
  std::vector<std::int64_t> values(64, 0);
  constexpr int kJobs = 3000;
  for (int job = 0; job < kJobs; ++job)
    pool->run(64, [&](int, std::int64_t begin, std::int64_t end) {
      for (std::int64_t tile = begin; tile < end; ++tile)
        values[tile] += job;
    });
  for (std::int64_t value : values)
    EXPECT_EQ(value, std::int64_t{kJobs} * (kJobs - 1) / 2);
}

TEST_P(ThreadPools, JobsAfterAPauseWakeSleepers) {
  std::unique_ptr<ThreadPool> pool = makePool(GetParam());
  for (int job = 0; job < 5; ++job) {
    std::this_thread::sleep_for(std::chrono::milliseconds(3)); // longer than the spin
    std::atomic<int> sum{0};
    pool->run(50, [&](int, std::int64_t begin, std::int64_t end) {
      std::this_thread::sleep_for(std::chrono::microseconds(100)); // the caller sleeps too
      sum += static_cast<int>(end - begin);
    });
    EXPECT_EQ(sum.load(), 50);
  }
}

TEST_P(ThreadPools, AWorkerIsOneThread) {
  std::unique_ptr<ThreadPool> pool = makePool(GetParam());
  std::vector<std::thread::id> ids(pool->threads());
  for (int job = 0; job < 50; ++job)
    pool->run(1000, [&](int worker, std::int64_t, std::int64_t) {
      if (ids[worker] == std::thread::id())
        ids[worker] = std::this_thread::get_id();
      EXPECT_EQ(ids[worker], std::this_thread::get_id());
    });
  if (ids[0] != std::thread::id()) // the caller may have come too late for a chunk in every job
    EXPECT_EQ(ids[0], std::this_thread::get_id());
}

TEST(ThreadPool, StartsAndStopsWithoutAJob) {
  for (int i = 0; i < 50; ++i)
    makePool(4);
}

TEST(ThreadPool, CoversAGridLargerThan32Bits) {
  std::unique_ptr<ThreadPool> pool = makePool(3);
  std::atomic<std::int64_t> covered{0};
  constexpr std::int64_t kTiles = (std::int64_t{1} << 62) + 5;
  pool->run(kTiles, [&](int, std::int64_t begin, std::int64_t end) { covered += end - begin; });
  EXPECT_EQ(covered.load(), kTiles);
}

TEST(ThreadPool, RefusesOtherCounts) {
  for (int threads : {0, -1, ThreadPool::kMaxThreads + 1})
    EXPECT_THAT(ThreadPool::create(threads).status(),
                test::FailsWith(absl::StatusCode::kInvalidArgument, "--threads="));
}

} // namespace
} // namespace qvlrt
