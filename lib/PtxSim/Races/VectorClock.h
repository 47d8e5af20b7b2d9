// Vector clocks of the happens-before model: what of the other actors' past an actor knows.
#pragma once

#include "Module/Instruction.h"

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <vector>

namespace qvlsim::races {

/// Time of one actor, counted in its release points. Zero means "before everything".
using Clock = std::uint32_t;

/// What orders its own accesses one after another, in one cluster: a warp (ids 0 to W - 1), or an
/// engine that works asynchronously for a warp or towards an mbarrier (ids from W on).
using Actor = std::uint16_t;

/// A clock for each actor of one cluster; those beyond the end stand at zero. A warp whose lanes
/// release one by one has a clock for each lane beside the one that all its lanes have reached.
class ActorClocks {
public:
  Clock operator[](Actor actor) const { return actor < clocks_.size() ? clocks_[actor] : 0; }
  void raise(Actor actor, Clock clock);
  void raiseLanes(Actor actor, LaneMask lanes, Clock clock);
  void join(const ActorClocks &other);
  /// The same for the clocks of `lanes` in `other`, which has no others; `live`: all of the warp,
  /// whose common part needs no clocks of lanes.
  void joinLanes(const ActorClocks &other, LaneMask lanes, LaneMask live);
  /// Whether all that `lanes` of the actor did up to `clock` is known.
  bool covers(Actor actor, LaneMask lanes, Clock clock) const {
    return (*this)[actor] >= clock || lanesKnown(actor, lanes, clock) == lanes;
  }
  /// The lanes among `lanes` of which this is known.
  LaneMask lanesKnown(Actor actor, LaneMask lanes, Clock clock) const;

private:
  struct Lanes {
    Actor actor;
    std::array<Clock, kWarpSize> clocks;
  };
  Lanes &lanesOf(Actor actor);

  std::vector<Clock> clocks_;
  std::vector<Lanes> lanes_; // few: one for each warp that releases lane by lane
};

/// What is known of the other clusters of the launch: rare, hence shared and copied on write. The
/// key is the cluster's tag.
using ForeignClocks = std::map<std::uint32_t, std::shared_ptr<const ActorClocks>>;

/// What a thread knows, and what a release hands to the acquire that reads from it.
struct VectorClock {
  ActorClocks seen;
  /// The generic-proxy accesses that a proxy fence has made visible to the async proxy (PTX ISA
  /// 9.0, section 8.11.1, proxy-preserved base causality order).
  ActorClocks proxied;
  /// The mbarrier.inits that fence.mbarrier_init has published.
  ActorClocks inits;
  std::shared_ptr<const ForeignClocks> foreign;

  void join(const VectorClock &other);
};

/// The knowledge of the cluster `tag` for readers in any cluster.
std::shared_ptr<const ForeignClocks> exported(const VectorClock &clock, std::uint32_t tag);

/// The union of both; either may be null.
std::shared_ptr<const ForeignClocks> joined(const std::shared_ptr<const ForeignClocks> &a,
                                            const std::shared_ptr<const ForeignClocks> &b);

/// What `foreign` tells a thread of the cluster `tag`.
VectorClock imported(const std::shared_ptr<const ForeignClocks> &foreign, std::uint32_t tag);

} // namespace qvlsim::races
