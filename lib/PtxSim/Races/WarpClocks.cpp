#include "Races/WarpClocks.h"

#include <bit>

namespace qvlsim::races {
namespace {

unsigned firstLane(LaneMask mask) { return static_cast<unsigned>(std::countr_zero(mask)); }

bool foreignCovers(const std::shared_ptr<const ForeignClocks> &foreign, std::uint32_t tag,
                   Actor actor, LaneMask theirs, Clock clock) {
  if (foreign == nullptr)
    return false;
  auto cluster = foreign->find(tag);
  return cluster != foreign->end() && cluster->second->covers(actor, theirs, clock);
}

} // namespace

VectorClock &WarpClocks::laneClock(unsigned lane) {
  if (!lanes_[lane])
    lanes_[lane] = std::make_unique<VectorClock>();
  diverged_ |= LaneMask{1} << lane;
  return *lanes_[lane];
}

void WarpClocks::forget(LaneMask lanes) {
  for (LaneMask rest = lanes & diverged_; rest; rest &= rest - 1)
    lanes_[firstLane(rest)].reset();
  diverged_ &= ~lanes;
}

VectorClock WarpClocks::release(LaneMask lanes, LaneMask live) {
  VectorClock clock = common_;
  for (LaneMask rest = lanes & diverged_; rest; rest &= rest - 1)
    clock.join(*lanes_[firstLane(rest)]);
  clock.seen.joinLanes(completed_, lanes, live);
  if (lanes == live)
    clock.seen.raise(self_, now_);
  else
    clock.seen.raiseLanes(self_, lanes, now_);
  ++now_;
  return clock;
}

void WarpClocks::acquire(LaneMask lanes, LaneMask live, const VectorClock &clock) {
  if (lanes == live) {
    common_.join(clock);
    return;
  }
  for (LaneMask rest = lanes; rest; rest &= rest - 1)
    laneClock(firstLane(rest)).join(clock);
}

void WarpClocks::synchronise(LaneMask lanes, LaneMask live) {
  VectorClock clock = release(lanes, live);
  if (lanes == live) {
    common_ = std::move(clock);
    forget(kAllLanes);
  } else {
    acquire(lanes, live, clock);
  }
}

void WarpClocks::fenceProxy(LaneMask lanes, LaneMask live) {
  if (lanes == live) {
    common_.proxied.join(common_.seen);
    common_.proxied.joinLanes(completed_, lanes, live);
    common_.proxied.raise(self_, now_);
  }
  const LaneMask apart = lanes == live ? lanes & diverged_ : lanes;
  for (LaneMask rest = apart; rest; rest &= rest - 1) {
    VectorClock &own = laneClock(firstLane(rest));
    own.proxied.join(common_.seen);
    own.proxied.join(own.seen);
    own.proxied.joinLanes(completed_, rest & -rest, live);
    own.proxied.raiseLanes(self_, rest & -rest, now_);
  }
  ++now_;
}

void WarpClocks::fenceInits(LaneMask lanes, LaneMask live) {
  if (lanes == live)
    common_.inits.raise(self_, now_);
  for (LaneMask rest = lanes == live ? 0 : lanes; rest; rest &= rest - 1)
    laneClock(firstLane(rest)).inits.raiseLanes(self_, rest & -rest, now_);
  ++now_;
}

bool WarpClocks::knowOneByOne(LaneMask lanes, ActorClocks VectorClock::*part, Actor actor,
                              LaneMask theirs, Clock clock) const {
  LaneMask common = (common_.*part).lanesKnown(actor, theirs, clock);
  if (common == theirs)
    return true;
  if (lanes & ~diverged_)
    return false;
  for (LaneMask rest = lanes; rest; rest &= rest - 1) {
    const VectorClock &own = *lanes_[firstLane(rest)];
    if ((common | (own.*part).lanesKnown(actor, theirs, clock)) != theirs)
      return false;
  }
  return true;
}

bool WarpClocks::knowForeign(LaneMask lanes, std::uint32_t tag, Actor actor, LaneMask theirs,
                             Clock clock) const {
  if (foreignCovers(common_.foreign, tag, actor, theirs, clock))
    return true;
  if (lanes & ~diverged_)
    return false;
  for (LaneMask rest = lanes; rest; rest &= rest - 1)
    if (!foreignCovers(lanes_[firstLane(rest)]->foreign, tag, actor, theirs, clock))
      return false;
  return true;
}

} // namespace qvlsim::races
