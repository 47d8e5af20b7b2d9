#include "qvlrt/thread_pool.h"

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <climits>
#include <immintrin.h>
#include <linux/futex.h>
#include <optional>
#include <sched.h>
#include <sys/syscall.h>
#include <system_error>
#include <thread>
#include <unistd.h>
#include <vector>

namespace qvlrt {

namespace {

using Word = std::atomic<std::uint32_t>;
static_assert(sizeof(Word) == 4 && Word::is_always_lock_free,
              "the kernel waits on the word itself");

void futexWait(Word &word, std::uint32_t value) {
  syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, value, nullptr, nullptr, 0);
}
void futexWakeAll(Word &word) {
  syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, INT_MAX, nullptr, nullptr, 0);
}

/// Spins until `ready` or about 60 microseconds have passed: the gap between two launches is
/// shorter than that, and waking a sleeping thread costs as much. True when ready.
template <typename Ready> bool spinUntil(Ready ready) {
  constexpr auto kSpin = std::chrono::microseconds(60);
  auto deadline = std::chrono::steady_clock::now() + kSpin;
  do {
    for (int i = 0; i < 32; ++i) {
      if (ready())
        return true;
      _mm_pause();
    }
  } while (std::chrono::steady_clock::now() < deadline);
  return ready();
}

/// A 32-bit event count on which threads spin, then sleep.
class Event {
public:
  std::uint32_t value() const { return word.load(std::memory_order_acquire); }
  /// Sets the count and wakes the sleepers.
  void set(std::uint32_t value) {
    word.store(value, std::memory_order_seq_cst);
    wake();
  }
  /// Adds one and returns the new count; wakes the sleepers if `last(count)`.
  template <typename Last> void add(Last last) {
    if (last(word.fetch_add(1, std::memory_order_seq_cst) + 1))
      wake();
  }
  void resetQuietly() { word.store(0, std::memory_order_relaxed); }

  /// Returns when `done(count)` holds; set() or add() must have been called with a count for which
  /// it does.
  template <typename Done> void waitUntil(Done done) {
    if (spinUntil([&] { return done(value()); }))
      return;
    // The kernel compares the word again, so a change between the check and the wait is not slept
    // through; a waker that changes the word later sees the sleeper (both sequentially consistent).
    sleepers.fetch_add(1, std::memory_order_seq_cst);
    for (std::uint32_t seen = word.load(std::memory_order_seq_cst); !done(seen); seen = value())
      futexWait(word, seen);
    sleepers.fetch_sub(1, std::memory_order_relaxed);
  }

private:
  void wake() {
    if (sleepers.load(std::memory_order_seq_cst) != 0)
      futexWakeAll(word);
  }

  Word word{0};
  std::atomic<int> sleepers{0};
};

/// The state of a job in one word, so that a claim is one compare-and-swap: its number (modulo
/// 2^32), its chunks, and the next chunk to claim.
struct Ticket {
  std::uint32_t number = 0;
  std::uint16_t chunks = 0;
  std::uint16_t next = 0;

  static Ticket unpack(std::uint64_t word) {
    return {static_cast<std::uint32_t>(word >> 32), static_cast<std::uint16_t>(word >> 16),
            static_cast<std::uint16_t>(word)};
  }
  std::uint64_t pack() const {
    return (std::uint64_t{number} << 32) | (std::uint64_t{chunks} << 16) | next;
  }
};

/// Splits jobs into chunks that workers claim from one ticket. A worker that wakes late finds a
/// ticket without chunks left or fails its swap, and the caller never waits for a worker that has
/// no chunk: a descheduled thread costs its own chunk at most.
class ThreadPoolImpl final : public ThreadPool {
public:
  absl::Status start(int count);
  ~ThreadPoolImpl() override;

  int threads() const override { return static_cast<int>(workers.size()) + 1; }
  void run(std::int64_t tiles, Body body) override;

private:
  static constexpr std::int64_t kChunksPerWorker = 8;
  static_assert(kMaxThreads * kChunksPerWorker < UINT16_MAX);

  void serve(int worker);
  void work(int worker);
  std::optional<Ticket> claim();

  std::vector<std::thread> workers;
  std::atomic<bool> stopping{false};

  // The job. Written by run() while the ticket has no chunk left, read by workers that hold one.
  const Body *job = nullptr;
  std::int64_t jobTiles = 0;

  alignas(64) std::atomic<std::uint64_t> ticket{0};
  alignas(64) Event posted;   // number of the newest job
  alignas(64) Event finished; // chunks done of the current job
};

absl::Status ThreadPoolImpl::start(int count) {
  try {
    for (int worker = 1; worker < count; ++worker)
      workers.emplace_back([this, worker] { serve(worker); });
  } catch (const std::system_error &error) {
    return absl::ResourceExhaustedError(absl::StrCat("cannot start thread ", workers.size() + 1,
                                                     " of ", count, ": ", error.what(),
                                                     "; lower --threads"));
  }
  return absl::OkStatus();
}

ThreadPoolImpl::~ThreadPoolImpl() {
  stopping.store(true, std::memory_order_seq_cst);
  posted.set(posted.value() + 1);
  for (std::thread &worker : workers)
    worker.join();
}

void ThreadPoolImpl::serve(int worker) {
  std::uint32_t seen = 0;
  while (true) {
    posted.waitUntil([&](std::uint32_t count) { return count != seen; });
    seen = posted.value();
    if (stopping.load(std::memory_order_seq_cst))
      return;
    work(worker);
  }
}

std::optional<Ticket> ThreadPoolImpl::claim() {
  std::uint64_t word = ticket.load(std::memory_order_acquire);
  while (true) {
    Ticket current = Ticket::unpack(word);
    if (current.next == current.chunks)
      return std::nullopt;
    Ticket claimed = current;
    ++claimed.next;
    if (ticket.compare_exchange_weak(word, claimed.pack(), std::memory_order_acq_rel,
                                     std::memory_order_acquire))
      return current;
  }
}

void ThreadPoolImpl::work(int worker) {
  while (std::optional<Ticket> mine = claim()) {
    std::int64_t chunk = mine->next;
    std::int64_t size = jobTiles / mine->chunks;
    std::int64_t longer = jobTiles % mine->chunks; // the first chunks have one tile more
    std::int64_t begin = chunk * size + std::min(chunk, longer);
    std::int64_t end = begin + size + (chunk < longer ? 1 : 0);
    (*job)(worker, begin, end);
    finished.add([&](std::uint32_t done) { return done == mine->chunks; });
  }
}

void ThreadPoolImpl::run(std::int64_t tiles, Body body) {
  if (tiles <= 0)
    return;
  if (workers.empty() || tiles == 1) {
    body(0, 0, tiles);
    return;
  }
  std::int64_t chunks = std::min<std::int64_t>(tiles, kChunksPerWorker * threads());
  finished.resetQuietly();
  job = &body;
  jobTiles = tiles;
  Ticket next;
  next.number = Ticket::unpack(ticket.load(std::memory_order_relaxed)).number + 1;
  next.chunks = static_cast<std::uint16_t>(chunks);
  ticket.store(next.pack(), std::memory_order_release);
  posted.set(next.number);

  work(0);
  finished.waitUntil([&](std::uint32_t done) { return done == chunks; });
}

} // namespace

absl::StatusOr<std::unique_ptr<ThreadPool>> ThreadPool::create(int threads) {
  if (threads < 1 || threads > kMaxThreads)
    return absl::InvalidArgumentError(
        absl::StrCat("--threads=", threads, ": give a number from 1 to ", kMaxThreads));
  auto pool = std::make_unique<ThreadPoolImpl>();
  if (absl::Status status = pool->start(threads); !status.ok())
    return status;
  return std::unique_ptr<ThreadPool>(std::move(pool));
}

int availableCpus() {
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof(set), &set) == 0 && CPU_COUNT(&set) > 0)
    return CPU_COUNT(&set);
  // More processors than the fixed set holds.
  return static_cast<int>(std::max(1l, sysconf(_SC_NPROCESSORS_ONLN)));
}

} // namespace qvlrt
