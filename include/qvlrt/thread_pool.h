// Threads that split a one-dimensional grid.
#pragma once

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"

#include <cstdint>
#include <memory>

namespace qvlrt {

/// A fixed set of workers that run the tiles of one grid at a time. Worker 0 is the calling thread.
/// Which worker runs which tiles varies between runs; tiles are independent, so results do not.
class ThreadPool {
public:
  /// Called with a worker number and the tiles [begin, end).
  using Body = absl::FunctionRef<void(int worker, std::int64_t begin, std::int64_t end)>;

  /// A pool of `threads` workers, 1 to kMaxThreads. Errors: InvalidArgument; ResourceExhausted when
  /// a thread does not start.
  static absl::StatusOr<std::unique_ptr<ThreadPool>> create(int threads);
  virtual ~ThreadPool() = default;

  virtual int threads() const = 0;
  /// Covers [0, tiles) with calls of `body` and returns when all are done. One caller at a time;
  /// `body` must not call run() of this pool and must not throw.
  virtual void run(std::int64_t tiles, Body body) = 0;

  static constexpr int kMaxThreads = 1024;
};

/// CPUs that this process may use, at least 1.
int availableCpus();

} // namespace qvlrt
