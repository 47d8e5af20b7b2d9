// What orders threads: barriers, fences, release and acquire, asynchronous groups, mbarriers.
#include "Races/ClusterModel.h"

#include <limits>

namespace qvlsim::races {
namespace {

constexpr unsigned kBarriersPerCta = 16; // PTX ISA 9.0, section 9.7.13.1
constexpr unsigned kGroupEngines = 4; // of a warp: copies, reads and writes of bulk copies, wgmma
constexpr std::uint32_t kMbarrierBytes = 8;
constexpr Strength kScopes[] = {Strength::Cta, Strength::Cluster, Strength::Gpu};

} // namespace

ClusterModel::ClusterModel(GlobalShadow &global, std::uint32_t tag, unsigned ctas,
                           unsigned warpsPerCta, std::uint32_t sharedBytes)
    : global_(global), tag_(tag), ctaWarps_(warpsPerCta),
      linesPerCta_(sharedBytes / ShadowLine::kBytes + 1), warps_(std::size_t{ctas} * warpsPerCta),
      issued_((kGroupEngines + 1) * warps_.size()), completed_(issued_.size()),
      barriers_(std::size_t{ctas} * kBarriersPerCta), sharedLines_(ctas) {
  for (std::size_t warp = 0; warp < warps_.size(); ++warp)
    warps_[warp].clocks = WarpClocks(static_cast<Actor>(warp));
}

std::optional<unsigned> ClusterModel::warpOf(Actor actor) const {
  const auto warps = static_cast<unsigned>(warps_.size());
  if (actor < warps)
    return actor;
  if (actor < (kGroupEngines + 1) * warps)
    return (actor - warps) / kGroupEngines;
  return std::nullopt;
}

// --- barriers ----------------------------------------------------------------------------------

void ClusterModel::barrierArrive(const Site &site, unsigned id, std::uint64_t generation) {
  WarpState &warp = warps_[site.warp];
  warp.generation[id] = generation;
  auto &uses = barriers_[site.warp / ctaWarps_ * kBarriersPerCta + id];
  uses[generation % uses.size()].of(generation).join(warp.clocks.release(site.lanes, site.live));
}

void ClusterModel::barrierLeave(const Site &site, unsigned id) {
  WarpState &warp = warps_[site.warp];
  auto &uses = barriers_[site.warp / ctaWarps_ * kBarriersPerCta + id];
  warp.clocks.acquire(site.lanes, site.live, uses[warp.generation[id] % uses.size()].clock);
}

void ClusterModel::clusterArrive(const Site &site, bool release, std::uint64_t generation) {
  VectorClock clock = warps_[site.warp].clocks.release(site.lanes, site.live);
  VectorClock &gathering = clusterBarrier_[generation % 2].of(generation);
  if (release)
    gathering.join(clock);
  else // what fence.mbarrier_init has published needs no release
    gathering.inits.join(clock.inits);
}

void ClusterModel::clusterWait(const Site &site, std::uint64_t generation) {
  warps_[site.warp].clocks.acquire(site.lanes, site.live,
                                   clusterBarrier_[generation % 2].of(generation));
}

// --- asynchronous operations -------------------------------------------------------------------

Actor ClusterModel::engineOf(unsigned warp, AsyncGroup group, bool writes) const {
  const unsigned engine = group == AsyncGroup::Copy     ? 0
                          : group == AsyncGroup::Matrix ? 1
                          : writes                      ? 2
                                                        : 3;
  return static_cast<Actor>(warps_.size() + kGroupEngines * warp + engine);
}

Clock ClusterModel::issue(unsigned warp, AsyncGroup group) {
  if (group == AsyncGroup::Bulk)
    ++issued_[engineOf(warp, group, true)];
  return ++issued_[engineOf(warp, group, false)];
}

void ClusterModel::waited(const Site &site, AsyncGroup group, Clock number, bool onlyReads) {
  WarpClocks &clocks = warps_[site.warp].clocks;
  if (group == AsyncGroup::Matrix) { // an operation of the whole warp
    VectorClock done;
    done.seen.raise(engineOf(site.warp, group, false), number);
    clocks.acquire(site.lanes, site.live, done);
    return;
  }
  clocks.completeOwn(engineOf(site.warp, group, false), site.lanes, number);
  if (group == AsyncGroup::Bulk && !onlyReads)
    clocks.completeOwn(engineOf(site.warp, group, true), site.lanes, number);
}

bool ClusterModel::copiesArrive(const Site &site, std::uint64_t address, Clock number) {
  Mbarrier &barrier = mbarrier(address);
  barrier.gathering.seen.raiseLanes(engineOf(site.warp, AsyncGroup::Copy, true), site.lanes,
                                    number);
  return initOrdered(site, address, barrier);
}

bool ClusterModel::issueTowards(const Site &site, std::uint64_t address) {
  const Mbarrier &barrier = mbarrier(address);
  ++issued_[barrier.engine];
  const Access &init = barrier.init;
  const WarpClocks &clocks = warps_[site.warp].clocks;
  if (init.tag == 0 ||
      clocks.know(site.lanes, &VectorClock::proxied, init.actor, init.lanes, init.clock) ||
      clocks.know(site.lanes, &VectorClock::inits, init.actor, init.lanes, init.clock))
    return true;
  found_ = {.kind = Race::Kind::UnpublishedInit,
            .address = address,
            .mine = recorded(site, {.deed = Deed::Atomic, .asyncProxy = true}),
            .other = init};
  return false;
}

void ClusterModel::completeTowards(std::uint64_t address) {
  Mbarrier &barrier = mbarrier(address);
  barrier.gathering.seen.raise(barrier.engine, ++completed_[barrier.engine]);
}

// --- mbarriers ---------------------------------------------------------------------------------

/// The object, also where the program never initialised it: that is another check's business.
ClusterModel::Mbarrier &ClusterModel::mbarrier(std::uint64_t address) {
  auto [barrier, isNew] = mbarriers_.try_emplace(address);
  if (!isNew)
    return barrier->second;
  const auto [engine, isNewEngine] = engines_.try_emplace(address);
  if (isNewEngine) {
    if (issued_.size() <= std::numeric_limits<Actor>::max()) {
      issued_.push_back(0);
      completed_.push_back(0);
    } // else there are more mbarriers than actors: they share the last engine
    engine->second = static_cast<Actor>(issued_.size() - 1);
  }
  barrier->second.engine = engine->second;
  return barrier->second;
}

bool ClusterModel::mbarrierInit(const Site &site, std::uint64_t address) {
  mbarriers_.erase(address);
  const AccessMode mode{.deed = Deed::Write};
  mbarrier(address).init = recorded(site, mode);
  return accessRange(site, mode, address, kMbarrierBytes);
}

/// Operations on the object are strong, its init is not: the init must have happened before.
bool ClusterModel::initOrdered(const Site &site, std::uint64_t address, const Mbarrier &barrier) {
  const Access &init = barrier.init;
  const WarpClocks &clocks = warps_[site.warp].clocks;
  if (init.tag == 0 || (init.actor == site.warp && init.lanes == site.lanes) ||
      clocks.know(site.lanes, &VectorClock::seen, init.actor, init.lanes, init.clock) ||
      clocks.know(site.lanes, &VectorClock::inits, init.actor, init.lanes, init.clock))
    return true;
  found_ = {.kind = Race::Kind::UnorderedInit,
            .address = address,
            .mine = recorded(site, {.deed = Deed::Atomic}),
            .other = init};
  return false;
}

bool ClusterModel::mbarrierArrive(const Site &site, std::uint64_t address, bool release) {
  Mbarrier &barrier = mbarrier(address);
  if (release)
    barrier.gathering.join(warps_[site.warp].clocks.release(site.lanes, site.live));
  return initOrdered(site, address, barrier);
}

void ClusterModel::mbarrierPhaseEnd(std::uint64_t address) {
  Mbarrier &barrier = mbarrier(address);
  barrier.released.join(barrier.gathering);
}

bool ClusterModel::mbarrierWait(const Site &site, std::uint64_t address, bool acquire) {
  Mbarrier &barrier = mbarrier(address);
  if (!initOrdered(site, address, barrier)) // what the wait acquires comes too late for itself
    return false;
  if (acquire)
    warps_[site.warp].clocks.acquire(site.lanes, site.live, barrier.released);
  return true;
}

// --- fences, release and acquire ---------------------------------------------------------------

/// Which instance of a scope the warp belongs to. Instances of all scopes differ.
std::uint64_t ClusterModel::instanceOf(unsigned warp, Strength scope) const {
  switch (scope) {
  case Strength::Cta:
    return std::uint64_t{tag_} << 32 | (warp / ctaWarps_ + 2);
  case Strength::Cluster:
    return std::uint64_t{tag_} << 32 | 1;
  default:
    return 0;
  }
}

void ClusterModel::fence(const Site &site, Strength scope) {
  WarpState &warp = warps_[site.warp];
  if (warp.observed != nullptr && (warp.observers & site.lanes) != 0) {
    warp.clocks.acquire(warp.observers & site.lanes, site.live, imported(warp.observed, tag_));
    warp.observed.reset();
    warp.observers = 0;
  }
  warp.fence.own = warp.clocks.now();
  // Without the warp's own past: which part of it is released depends on the lanes that write.
  warp.fence.clock = exported(warp.clocks.release(0, site.live), tag_);
  warp.fence.lanes = site.lanes;
  warp.fence.scope = scope;
}

void ClusterModel::release(const Site &site, bool global, std::uint64_t address, Strength scope,
                           bool isRelease) {
  WarpState &warp = warps_[site.warp];
  std::shared_ptr<const ForeignClocks> clock;
  if (isRelease) {
    clock = exported(warp.clocks.release(site.lanes, site.live), tag_);
  } else if (warp.fence.clock != nullptr && (warp.fence.lanes & site.lanes) != 0) {
    VectorClock own = imported(warp.fence.clock, tag_);
    if (site.lanes == site.live)
      own.seen.raise(static_cast<Actor>(site.warp), warp.fence.own);
    else
      own.seen.raiseLanes(static_cast<Actor>(site.warp), site.lanes & warp.fence.lanes,
                          warp.fence.own);
    clock = exported(own, tag_);
    scope = std::min(scope, warp.fence.scope);
  } else {
    return;
  }
  // Visible in the scope itself and in the narrower ones that the releaser is in.
  SyncLocations &locations = global ? global_.locations() : sharedLocations_;
  for (const Strength each : kScopes)
    if (each <= scope)
      locations.publish({address, instanceOf(site.warp, each)}, clock);
}

void ClusterModel::acquire(const Site &site, bool global, std::uint64_t address, Strength scope,
                           bool isAcquire) {
  warps_[site.warp].deferred.push_back({site.lanes, global, address, scope, isAcquire});
  warps_[site.warp].live = site.live;
}

void ClusterModel::settleReads(unsigned index) {
  WarpState &warp = warps_[index];
  for (const DeferredRead &read : warp.deferred) {
    SyncLocations &locations = read.global ? global_.locations() : sharedLocations_;
    if (locations.empty())
      continue;
    for (const Strength each : kScopes) {
      if (each > read.scope)
        break;
      const auto clock = locations.find({read.address, instanceOf(index, each)});
      if (clock == nullptr)
        continue;
      if (read.isAcquire) {
        warp.clocks.acquire(read.lanes, warp.live, imported(clock, tag_));
      } else {
        warp.observed = joined(warp.observed, clock);
        warp.observers |= read.lanes;
      }
    }
  }
  warp.deferred.clear();
}

} // namespace qvlsim::races
