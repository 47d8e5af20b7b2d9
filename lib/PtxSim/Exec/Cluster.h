// A cluster of CTAs: what one host thread runs at a time.
#pragma once

#include "Exec/Cta.h"
#include "Exec/PendingOperations.h"
#include "qvlsim/Launch.h"

#include <cstdint>
#include <memory>
#include <random>
#include <vector>

namespace qvlsim {

struct LaunchState;

class Cluster {
public:
  Cluster(LaunchState &launch, std::uint64_t index);
  ~Cluster();
  Cluster(const Cluster &) = delete;

  LaunchState &launch() const { return launch_; }
  std::uint64_t index() const { return index_; }
  std::vector<std::unique_ptr<Cta>> ctas; // by rank

  /// Something happened that a waiting warp may wait for: all of them look again.
  void notify() { ++epoch_; }
  std::uint64_t epoch() const { return epoch_; }

  /// Operations to complete when no warp can run.
  PendingOperations pending;
  bool lateAsync() const;

  Counts counts;
  std::array<std::unique_ptr<Extension>, static_cast<unsigned>(ExtensionSlot::Count)> extensions;
  template <typename T> T &extension(ExtensionSlot slot) {
    auto &held = extensions[static_cast<unsigned>(slot)];
    if (!held)
      held = std::make_unique<T>();
    return static_cast<T &>(*held);
  }

  enum class Progress { Finished, Spinning, Failed };
  /// Runs until all warps are done, until a fault, or until every warp that is left only polls
  /// memory, so that another cluster should run.
  Progress run();

  std::uint64_t random() { return random_(); }

private:
  bool runWarps(bool &ran, bool &polled);
  /// What families check once all warps are done; false after a fault.
  bool endCtas();

  LaunchState &launch_;
  std::uint64_t index_;
  std::uint64_t epoch_ = 1;
  std::mt19937_64 random_;
  std::vector<Warp *> order_;
  unsigned idleRounds_ = 0;
};

} // namespace qvlsim
