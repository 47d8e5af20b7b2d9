#include "Races/RaceObserver.h"

#include "Exec/Cluster.h"
#include "Exec/Lanes.h"
#include "Exec/LaunchState.h"
#include "Races/ClusterModel.h"
#include "Races/MatrixRegisters.h"
#include "absl/strings/str_format.h"

namespace qvlsim {
namespace races {
namespace {

struct ClusterRaces : Extension {
  ClusterRaces(GlobalShadow &global, const Cluster &cluster)
      : model(global, static_cast<std::uint32_t>(cluster.index() + 1),
              static_cast<unsigned>(cluster.ctas.size()),
              static_cast<unsigned>(cluster.ctas[0]->warps.size()), cluster.ctas[0]->sharedBytes),
        matrixRegisters(cluster.ctas.size() * cluster.ctas[0]->warps.size()) {}
  ClusterModel model;
  std::vector<MatrixRegisters> matrixRegisters; // by warp
};

ClusterRaces &racesOf(Cluster &cluster) {
  return static_cast<ClusterRaces &>(
      *cluster.extensions[static_cast<unsigned>(ExtensionSlot::Races)]);
}
ClusterModel &modelOf(Cluster &cluster) { return racesOf(cluster).model; }

unsigned indexOf(const Warp &warp) {
  return warp.cta().rank * static_cast<unsigned>(warp.cta().warps.size()) + warp.index();
}

/// The model, up to date with what the warp has read.
ClusterModel &settled(Warp &warp) {
  ClusterModel &model = modelOf(warp.cluster());
  model.settle(indexOf(warp));
  return model;
}

Site siteOf(const Warp &warp, const Instruction &i, LaneMask lanes) {
  return {.warp = indexOf(warp), .lanes = lanes, .live = warp.live(), .line = i.line};
}

Deed deedOf(AccessKind kind) {
  return kind == AccessKind::Read    ? Deed::Read
         : kind == AccessKind::Write ? Deed::Write
                                     : Deed::Atomic;
}

Strength strengthOf(Scope scope) {
  return scope == Scope::Cta       ? Strength::Cta
         : scope == Scope::Cluster ? Strength::Cluster
                                   : Strength::Gpu;
}
Strength strengthOf(AccessKind kind, Ordering ordering, Scope scope) {
  return ordering == Ordering::Weak && kind != AccessKind::Atomic ? Strength::Weak
                                                                  : strengthOf(scope);
}

bool releases(Ordering o) {
  return o == Ordering::Release || o == Ordering::AcquireRelease ||
         o == Ordering::SequentiallyConsistent;
}
bool acquires(Ordering o) {
  return o == Ordering::Acquire || o == Ordering::AcquireRelease ||
         o == Ordering::SequentiallyConsistent;
}

/// What a lane stores, for st, whose operands are the address and then the elements. The data of
/// other instructions is not compared.
struct StoredValue {
  std::array<std::uint64_t, 8> elements{};
  bool operator==(const StoredValue &) const = default;
};
bool isPlainStore(const Instruction &i, const WarpAccess &event) {
  return event.kind == AccessKind::Write && event.completion == nullptr && i.destinations == 0 &&
         i.instructionClass != InstructionClass::Matrix && i.elementBytes <= 8 && i.elements <= 8 &&
         i.elementBytes * i.elements == event.bytes && i.operandCount > i.elements;
}
StoredValue storedValue(const Warp &warp, const Instruction &i, unsigned lane) {
  StoredValue value;
  const std::uint64_t mask = ~std::uint64_t{0} >> (64 - 8 * i.elementBytes);
  for (unsigned k = 0; k < i.elements; ++k)
    value.elements[k] = readLane64(warp, i.operands[1 + k], lane) & mask;
  return value;
}

/// Lanes of one store that name one address have to store one value: false after a fault.
bool lanesAgree(Warp &warp, const Instruction &i, const WarpAccess &event) {
  if (!isPlainStore(i, event))
    return true;
  const auto conflict = findConflict(event.mask, event.addresses,
                                     [&](unsigned lane) { return storedValue(warp, i, lane); });
  if (!conflict)
    return true;
  const Dim3 other = warp.threadIndex(conflict->second);
  warp.fail(i, event.space == StateSpace::Shared ? FaultKind::SharedRace : FaultKind::GlobalRace,
            conflict->first,
            absl::StrFormat("thread (%d,%d,%d) stores another value to address %#x in the same "
                            "instruction: which of them stays is undefined",
                            other.x, other.y, other.z, event.addresses[conflict->first]));
  return false;
}

} // namespace

bool RaceObserver::checked(Warp &warp, const Instruction &i, bool ok) {
  const ClusterModel &model = modelOf(warp.cluster());
  return ok || reportRace(warp, i, model, model.race());
}

// --- accesses ----------------------------------------------------------------------------------

bool RaceObserver::access(Warp &warp, const Instruction &i, const WarpAccess &event) {
  if (i.space == StateSpace::Constant) // nothing writes there
    return true;
  ClusterModel &model = settled(warp);
  const Site site = siteOf(warp, i, event.mask);
  const AccessMode mode{.global = event.space == StateSpace::Global,
                        .deed = deedOf(event.kind),
                        .strength = strengthOf(event.kind, event.ordering, event.scope),
                        .asyncProxy = event.proxy == Proxy::Async,
                        .completion = event.completion};
  LaneSegments segments(event.mask, event.bytes, event.addresses, event.kind != AccessKind::Read);
  if (event.kind == AccessKind::Write && segments.mayRepeat() && !lanesAgree(warp, i, event))
    return false;
  if (event.kind != AccessKind::Read && segments.mayOverlap())
    segments.separate(event.mask, event.addresses);
  // Which lane gets what of the rows of ldmatrix is the instruction's business.
  if (i.instructionClass == InstructionClass::Matrix)
    segments.makeCollective();
  if (!checked(warp, i, model.access(site, mode, segments)))
    return false;
  if (mode.strength != Strength::Weak)
    synchronise(model, event, site);
  return true;
}

/// Strong accesses lane by lane: releases before they are performed, acquires noted for later.
void RaceObserver::synchronise(ClusterModel &model, const WarpAccess &event, Site site) {
  const Strength scope = strengthOf(event.scope);
  const bool global = event.space == StateSpace::Global;
  LaneMask left = event.mask;
  while (left) {
    const std::uint64_t address = event.addresses[std::countr_zero(left)];
    site.lanes = 0;
    for (LaneMask rest = left; rest; rest &= rest - 1)
      if (event.addresses[std::countr_zero(rest)] == address)
        site.lanes |= rest & -rest;
    left &= ~site.lanes;
    if (event.kind != AccessKind::Read)
      model.release(site, global, address, scope, releases(event.ordering));
    if (event.kind != AccessKind::Write)
      model.acquire(site, global, address, scope, acquires(event.ordering));
  }
}

bool RaceObserver::bulkAccess(Warp &warp, const Instruction &i, const BulkAccess &event) {
  const AccessMode mode{.global = event.space == StateSpace::Global,
                        .deed = deedOf(event.kind),
                        .strength = strengthOf(event.kind, Ordering::Weak, Scope::Gpu),
                        .asyncProxy = event.proxy == Proxy::Async,
                        .completion = event.completion};
  return checked(
      warp, i,
      settled(warp).accessRange(siteOf(warp, i, event.lanes), mode, event.address, event.bytes));
}

// --- barriers and fences -----------------------------------------------------------------------

bool RaceObserver::barrierArrive(Warp &warp, const Instruction &i, LaneMask mask, unsigned id) {
  settled(warp).barrierArrive(siteOf(warp, i, mask), id, warp.cta().barriers[id].generation);
  return true;
}

bool RaceObserver::barrierLeave(Warp &warp, const Instruction &i, LaneMask mask, unsigned id) {
  settled(warp).barrierLeave(siteOf(warp, i, mask), id);
  return true;
}

/// Shuffles and votes exchange registers; of the warp's collectives only bar.warp.sync orders
/// memory.
bool RaceObserver::warpSync(Warp &warp, const Instruction &i, LaneMask mask) {
  if (i.instructionClass == InstructionClass::Barrier)
    settled(warp).warpSync(siteOf(warp, i, mask));
  return true;
}

bool RaceObserver::clusterArrive(Warp &warp, const Instruction &i, LaneMask mask, Ordering ordering,
                                 std::uint64_t generation) {
  settled(warp).clusterArrive(siteOf(warp, i, mask), releases(ordering), generation);
  return true;
}

bool RaceObserver::clusterWait(Warp &warp, const Instruction &i, LaneMask mask,
                               std::uint64_t generation) {
  settled(warp).clusterWait(siteOf(warp, i, mask), generation);
  return true;
}

bool RaceObserver::fence(Warp &warp, const Instruction &i, LaneMask mask, Ordering, Scope scope) {
  settled(warp).fence(siteOf(warp, i, mask), strengthOf(scope));
  return true;
}

bool RaceObserver::proxyFence(Warp &warp, const Instruction &i, LaneMask mask, Proxy from, Proxy to,
                              Scope) {
  if (from == Proxy::Async || to == Proxy::Async)
    settled(warp).fenceProxyAsync(siteOf(warp, i, mask));
  return true;
}

bool RaceObserver::mbarrierInitFence(Warp &warp, const Instruction &i, LaneMask mask) {
  settled(warp).fenceMbarrierInit(siteOf(warp, i, mask));
  return true;
}

// --- wgmma -------------------------------------------------------------------------------------

bool RaceObserver::matrixFence(Warp &warp, const Instruction &, LaneMask) {
  racesOf(warp.cluster()).matrixRegisters[indexOf(warp)].fence();
  return true;
}

bool RaceObserver::matrixIssue(Warp &warp, const Instruction &i, std::uint64_t operation) {
  const auto fault = racesOf(warp.cluster())
                         .matrixRegisters[indexOf(warp)]
                         .multiply(warp, i, static_cast<Clock>(operation));
  return !fault || reportRegisters(warp, i, *fault);
}

bool RaceObserver::matrixRegisterAccess(Warp &warp, const Instruction &i, LaneMask) {
  const auto fault = racesOf(warp.cluster()).matrixRegisters[indexOf(warp)].touch(warp, i);
  return !fault || reportRegisters(warp, i, *fault);
}

// --- mbarriers ---------------------------------------------------------------------------------

bool RaceObserver::mbarrierInit(Warp &warp, const Instruction &i, LaneMask lanes,
                                std::uint64_t address) {
  return checked(warp, i, settled(warp).mbarrierInit(siteOf(warp, i, lanes), address));
}

bool RaceObserver::mbarrierInvalidate(Warp &warp, const Instruction &, LaneMask,
                                      std::uint64_t address) {
  settled(warp).mbarrierInvalidate(address);
  return true;
}

// Scopes are not looked at: an arrival without .cluster at another CTA's object is what compilers
// emit, and the default.
bool RaceObserver::mbarrierArrive(Warp &warp, const Instruction &i, LaneMask lanes,
                                  std::uint64_t address, Ordering ordering, Scope) {
  return checked(
      warp, i,
      settled(warp).mbarrierArrive(siteOf(warp, i, lanes), address, ordering != Ordering::Relaxed));
}

bool RaceObserver::mbarrierWait(Warp &warp, const Instruction &i, LaneMask lanes,
                                std::uint64_t address, Ordering ordering, Scope) {
  return checked(
      warp, i,
      settled(warp).mbarrierWait(siteOf(warp, i, lanes), address, ordering != Ordering::Relaxed));
}

void RaceObserver::mbarrierPhaseEnd(Cluster &cluster, std::uint64_t address) {
  modelOf(cluster).mbarrierPhaseEnd(address);
}

// --- asynchronous operations -------------------------------------------------------------------

std::uint64_t RaceObserver::asyncIssue(Warp &warp, const Instruction &, LaneMask,
                                       AsyncGroup group) {
  return settled(warp).issue(indexOf(warp), group);
}

bool RaceObserver::asyncWait(Warp &warp, const Instruction &i, LaneMask lanes, AsyncGroup group,
                             std::uint64_t operation, bool onlyReads) {
  settled(warp).waited(siteOf(warp, i, lanes), group, static_cast<Clock>(operation), onlyReads);
  if (group == AsyncGroup::Matrix)
    racesOf(warp.cluster()).matrixRegisters[indexOf(warp)].waited(static_cast<Clock>(operation));
  return true;
}

bool RaceObserver::asyncArrive(Warp &warp, const Instruction &i, LaneMask lanes,
                               std::uint64_t mbarrier, std::uint64_t operation) {
  return checked(
      warp, i,
      settled(warp).copiesArrive(siteOf(warp, i, lanes), mbarrier, static_cast<Clock>(operation)));
}

bool RaceObserver::asyncIssueTowards(Warp &warp, const Instruction &i, LaneMask lanes,
                                     std::uint64_t mbarrier) {
  return checked(warp, i, settled(warp).issueTowards(siteOf(warp, i, lanes), mbarrier));
}

void RaceObserver::asyncCompleteTowards(Cluster &cluster, std::uint64_t mbarrier) {
  modelOf(cluster).completeTowards(mbarrier);
}

bool RaceObserver::ctaEnd(Cta &cta) {
  if (cta.cluster->ctas.size() == 1) // nobody else reaches it
    return true;
  for (const auto &warp : cta.warps)
    settled(*warp);
  const std::optional<Access> access = modelOf(*cta.cluster).outliving(cta.rank);
  return !access || reportOutliving(cta, modelOf(*cta.cluster), *access);
}

void RaceObserver::clusterBegin(Cluster &cluster) {
  cluster.extensions[static_cast<unsigned>(ExtensionSlot::Races)] =
      std::make_unique<ClusterRaces>(global_, cluster);
}

} // namespace races

std::unique_ptr<AccessObserver> makeRaceObserver() {
  return std::make_unique<races::RaceObserver>();
}

} // namespace qvlsim
