#include "Races/VectorClock.h"

#include <algorithm>
#include <bit>

namespace qvlsim::races {

void ActorClocks::raise(Actor actor, Clock clock) {
  if (actor >= clocks_.size())
    clocks_.resize(actor + 1U, 0);
  clocks_[actor] = std::max(clocks_[actor], clock);
}

ActorClocks::Lanes &ActorClocks::lanesOf(Actor actor) {
  for (Lanes &lanes : lanes_)
    if (lanes.actor == actor)
      return lanes;
  return lanes_.emplace_back(Lanes{actor, {}});
}

void ActorClocks::raiseLanes(Actor actor, LaneMask mask, Clock clock) {
  Lanes &lanes = lanesOf(actor);
  for (; mask; mask &= mask - 1) {
    Clock &own = lanes.clocks[static_cast<unsigned>(std::countr_zero(mask))];
    own = std::max(own, clock);
  }
}

void ActorClocks::join(const ActorClocks &other) {
  if (other.clocks_.size() > clocks_.size())
    clocks_.resize(other.clocks_.size(), 0);
  for (std::size_t i = 0; i < other.clocks_.size(); ++i)
    clocks_[i] = std::max(clocks_[i], other.clocks_[i]);
  for (const Lanes &theirs : other.lanes_) {
    Lanes &mine = lanesOf(theirs.actor);
    for (unsigned lane = 0; lane < kWarpSize; ++lane)
      mine.clocks[lane] = std::max(mine.clocks[lane], theirs.clocks[lane]);
  }
}

void ActorClocks::joinLanes(const ActorClocks &other, LaneMask mask, LaneMask live) {
  for (const Lanes &theirs : other.lanes_) {
    Clock least = ~Clock{0}, most = 0;
    for (LaneMask rest = mask; rest; rest &= rest - 1) {
      const Clock clock = theirs.clocks[static_cast<unsigned>(std::countr_zero(rest))];
      least = std::min(least, clock);
      most = std::max(most, clock);
    }
    if (mask == live)
      raise(theirs.actor, least);
    for (LaneMask rest = mask == live && least == most ? 0 : mask; rest; rest &= rest - 1)
      raiseLanes(theirs.actor, rest & -rest,
                 theirs.clocks[static_cast<unsigned>(std::countr_zero(rest))]);
  }
}

LaneMask ActorClocks::lanesKnown(Actor actor, LaneMask mask, Clock clock) const {
  if ((*this)[actor] >= clock)
    return mask;
  LaneMask known = 0;
  for (const Lanes &lanes : lanes_)
    for (LaneMask rest = lanes.actor == actor ? mask : 0; rest; rest &= rest - 1)
      if (lanes.clocks[static_cast<unsigned>(std::countr_zero(rest))] >= clock)
        known |= rest & -rest;
  return known;
}

void VectorClock::join(const VectorClock &other) {
  seen.join(other.seen);
  proxied.join(other.proxied);
  inits.join(other.inits);
  foreign = joined(foreign, other.foreign);
}

std::shared_ptr<const ForeignClocks> exported(const VectorClock &clock, std::uint32_t tag) {
  auto result = clock.foreign == nullptr ? std::make_shared<ForeignClocks>()
                                         : std::make_shared<ForeignClocks>(*clock.foreign);
  (*result)[tag] = std::make_shared<const ActorClocks>(clock.seen);
  return result;
}

std::shared_ptr<const ForeignClocks> joined(const std::shared_ptr<const ForeignClocks> &a,
                                            const std::shared_ptr<const ForeignClocks> &b) {
  if (a == b || b == nullptr)
    return a;
  if (a == nullptr)
    return b;
  auto result = std::make_shared<ForeignClocks>(*a);
  for (const auto &[tag, clocks] : *b) {
    std::shared_ptr<const ActorClocks> &mine = (*result)[tag];
    if (mine == nullptr) {
      mine = clocks;
    } else if (mine != clocks) {
      auto both = std::make_shared<ActorClocks>(*mine);
      both->join(*clocks);
      mine = std::move(both);
    }
  }
  return result;
}

VectorClock imported(const std::shared_ptr<const ForeignClocks> &foreign, std::uint32_t tag) {
  VectorClock clock;
  clock.foreign = foreign;
  if (foreign == nullptr)
    return clock;
  if (auto own = foreign->find(tag); own != foreign->end())
    clock.seen = *own->second;
  return clock;
}

} // namespace qvlsim::races
