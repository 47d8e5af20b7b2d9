// What the threads of one warp know of the others.
#pragma once

#include "Races/VectorClock.h"

#include <array>
#include <memory>

namespace qvlsim::races {

/// The clock that all lanes of a warp share, and beside it what single lanes know since they have
/// acquired something that the others have not. `live` is the mask of lanes that have not exited:
/// an event of all of them is one of the warp.
class WarpClocks {
public:
  explicit WarpClocks(Actor self = 0) : self_(self) {}

  /// The epoch that accesses of the warp belong to now.
  Clock now() const { return now_; }
  const VectorClock &common() const { return common_; }

  /// What `lanes` hand on: their past and what they know. Later accesses belong to a new epoch.
  VectorClock release(LaneMask lanes, LaneMask live);
  void acquire(LaneMask lanes, LaneMask live, const VectorClock &clock);
  /// bar.warp.sync: a release and an acquire of each other.
  void synchronise(LaneMask lanes, LaneMask live);
  /// All that `lanes` know is now visible to the async proxy too.
  void fenceProxy(LaneMask lanes, LaneMask live);
  /// The inits that `lanes` made are now visible to the cluster and to the async proxy.
  void fenceInits(LaneMask lanes, LaneMask live);

  /// Each of `lanes` has waited for its own part of the operations of an engine up to `number`.
  void completeOwn(Actor engine, LaneMask lanes, Clock number) {
    completed_.raiseLanes(engine, lanes, number);
  }
  bool hasCompleted(Actor engine, LaneMask lanes, Clock number) const {
    return completed_.lanesKnown(engine, lanes, number) == lanes;
  }

  /// Whether each of `lanes` knows what `theirs` of `actor` did up to `clock`, by the clocks that
  /// `part` selects.
  bool know(LaneMask lanes, ActorClocks VectorClock::*part, Actor actor, LaneMask theirs,
            Clock clock) const {
    if ((common_.*part)[actor] >= clock)
      return true;
    return knowOneByOne(lanes, part, actor, theirs, clock);
  }
  /// Whether each of `lanes` knows this of another cluster.
  bool knowForeign(LaneMask lanes, std::uint32_t tag, Actor actor, LaneMask theirs,
                   Clock clock) const;

private:
  VectorClock &laneClock(unsigned lane);
  void forget(LaneMask lanes);
  bool knowOneByOne(LaneMask lanes, ActorClocks VectorClock::*part, Actor actor, LaneMask theirs,
                    Clock clock) const;

  Actor self_;
  Clock now_ = 1;
  VectorClock common_;
  ActorClocks completed_; // operations of the warp's engines; each lane knows of its own
  LaneMask diverged_ = 0; // lanes with a clock of their own
  std::array<std::unique_ptr<VectorClock>, kWarpSize> lanes_;
};

} // namespace qvlsim::races
