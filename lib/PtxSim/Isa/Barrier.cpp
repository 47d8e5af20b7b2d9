// CTA barriers and fences of the generic proxy (PTX ISA 9.0, section 9.7.13).
#include "Exec/Cluster.h"
#include "Isa/Dispatch.h"
#include "Memory/AccessObserver.h"
#include "absl/strings/str_format.h"

#include <bit>

namespace qvlsim {
namespace {

/// A warp's part in the barrier it waits at.
struct BarrierWait : Extension {
  bool waiting = false;
  std::uint64_t generation = 0;
};

enum class BarrierOp : std::uint32_t { Sync, Arrive, ReduceAnd, ReduceOr, ReducePopc };

unsigned firstLane(LaneMask mask) { return static_cast<unsigned>(std::countr_zero(mask)); }

/// A barrier without a count expects the living threads.
std::uint32_t expectedThreads(const Cta &cta, const NamedBarrier &barrier) {
  return barrier.expected == kAllLanes ? cta.liveThreads() : barrier.expected;
}

bool complete(const Cta &cta, const NamedBarrier &barrier) {
  return barrier.arrived >= expectedThreads(cta, barrier);
}

void release(Cta &cta, NamedBarrier &barrier) {
  barrier.lastReduction = barrier.reduction;
  barrier.lastExpected = barrier.arrived;
  barrier.arrived = barrier.expected = barrier.reduction = 0;
  ++barrier.generation;
  cta.cluster->notify();
}

/// The checks of a use: number, count, whole warps. False after a fault.
bool checkUse(Warp &warp, const Instruction &i, LaneMask mask, std::uint32_t id,
              std::uint32_t threads) {
  const unsigned lane = firstLane(mask);
  if (id >= kNamedBarriers)
    return warp.fail(i, FaultKind::BarrierMisuse, lane, absl::StrFormat("barrier %d of 16", id)),
           false;
  if (threads != kAllLanes && (threads == 0 || threads % kWarpSize != 0 || threads > 1024))
    return warp.fail(i, FaultKind::BarrierMisuse, lane,
                     absl::StrFormat("thread count %d is no multiple of 32 up to 1024", threads)),
           false;
  if (mask != warp.live())
    return warp.fail(i, FaultKind::DivergentBarrier, lane,
                     absl::StrFormat(
                         "lanes %08x of the warp execute the barrier, lanes %08x are elsewhere",
                         mask, warp.live() & ~mask)),
           false;
  const NamedBarrier &barrier = warp.cta().barriers[id];
  if (barrier.arrived != 0 && barrier.expected != threads)
    return warp.fail(i, FaultKind::BarrierMisuse, lane,
                     "participants disagree about the number of threads"),
           false;
  return true;
}

bool arrive(Warp &warp, const Instruction &i, LaneMask mask, std::uint32_t id,
            std::uint32_t threads, LaneMask predicate) {
  if (!checkUse(warp, i, mask, id, threads))
    return false;
  NamedBarrier &barrier = warp.cta().barriers[id];
  barrier.expected = threads;
  // A partial last warp counts as a whole one where a count is given.
  barrier.arrived +=
      threads == kAllLanes ? static_cast<std::uint32_t>(std::popcount(mask)) : kWarpSize;
  barrier.reduction += static_cast<std::uint32_t>(std::popcount(predicate & mask));
  if (warp.observer() != nullptr && !warp.observer()->barrierArrive(warp, i, mask, id))
    return false;
  if (threads != kAllLanes && barrier.arrived > threads)
    return warp.fail(i, FaultKind::BarrierMisuse, firstLane(mask),
                     "more threads arrive than the barrier expects"),
           false;
  warp.cluster().notify();
  return true;
}

/// WarpWait::describe.
std::string describeWait(const Warp &warp) {
  const Cta &cta = warp.cta();
  const NamedBarrier &barrier = cta.barriers[warp.wait.object];
  return absl::StrFormat("barrier %d: %d of %d threads have arrived", warp.wait.object,
                         barrier.arrived, expectedThreads(cta, barrier));
}

std::uint32_t uniform(Warp &warp, const Operand &o, LaneMask mask) {
  return readLane<std::uint32_t>(warp, o, firstLane(mask));
}

bool uniformOperands(Warp &warp, const Instruction &i, LaneMask mask, std::size_t first) {
  for (std::size_t k = first; k < first + 2; ++k)
    for (LaneMask rest = mask; rest && i.operands[k].exists(); rest &= rest - 1)
      if (readLane<std::uint32_t>(warp, i.operands[k], firstLane(rest)) !=
          uniform(warp, i.operands[k], mask))
        return warp.fail(i, FaultKind::BarrierMisuse, firstLane(rest),
                         "lanes of a warp name different barriers or counts"),
               false;
  return true;
}

// Operands: destination (reductions), barrier, count (or none), predicate (or none).
Step barrierHandler(Warp &warp, const Instruction &i, LaneMask mask) {
  const auto op = static_cast<BarrierOp>(i.variant);
  const std::size_t first = i.destinations;
  if (!uniformOperands(warp, i, mask, first))
    return Step::Fault;
  const std::uint32_t id = uniform(warp, i.operands[first], mask);
  const std::uint32_t threads =
      i.operands[first + 1].exists() ? uniform(warp, i.operands[first + 1], mask) : kAllLanes;
  auto &wait = warp.extension<BarrierWait>(ExtensionSlot::Barrier);
  if (!wait.waiting) {
    LaneMask predicate = op >= BarrierOp::ReduceAnd ? warp.predicate(i.operands[first + 2]) : 0;
    if (!arrive(warp, i, mask, id, threads, predicate))
      return Step::Fault;
    wait.generation = warp.cta().barriers[id].generation;
    wait.waiting = true;
  }
  NamedBarrier &barrier = warp.cta().barriers[id];
  if (barrier.generation == wait.generation && complete(warp.cta(), barrier))
    release(warp.cta(), barrier);
  if (op == BarrierOp::Arrive) {
    wait.waiting = false;
    return Step::Next;
  }
  if (barrier.generation == wait.generation) {
    warp.wait = {&i, describeWait, id};
    return Step::Retry;
  }
  wait.waiting = false;
  if (warp.observer() != nullptr && !warp.observer()->barrierLeave(warp, i, mask, id))
    return Step::Fault;
  if (op == BarrierOp::ReducePopc)
    forLanes(mask, [&](unsigned lane) {
      writeLane<std::uint32_t>(warp, i.operands[0], lane, barrier.lastReduction);
    });
  else if (op == BarrierOp::ReduceAnd)
    warp.setPredicate(i.operands[0], mask,
                      barrier.lastReduction == barrier.lastExpected ? mask : 0);
  else if (op == BarrierOp::ReduceOr)
    warp.setPredicate(i.operands[0], mask, barrier.lastReduction != 0 ? mask : 0);
  return Step::Next;
}

void barrierOperands(Decoder &d, std::size_t first, bool predicate, bool countNeeded) {
  std::size_t most = first + (predicate ? 3 : 2);
  std::size_t least = first + (predicate ? 2 : countNeeded ? 2 : 1);
  d.expectOperands(least, most);
  bool count = d.operandCount() == first + (predicate ? 3U : 2U);
  d.source(first, Type::U32);
  if (count)
    d.source(first + 1, Type::U32);
  else
    d.appendAbsent();
  if (predicate)
    d.predicateSource(first + (count ? 2 : 1));
}

absl::Status decodeBarrierForm(Decoder &d) {
  d.out.instructionClass = InstructionClass::Barrier;
  std::size_t form = d.oneOf({"sync", "arrive", "red"});
  if (form == 2) {
    std::size_t op = d.optionalOf({"aligned"}) >= 0 ? d.oneOf({"popc", "and", "or"})
                                                    : d.oneOf({"popc", "and", "or"});
    d.accept("aligned");
    d.type(op == 0 ? std::initializer_list<Type>{Type::U32}
                   : std::initializer_list<Type>{Type::Pred});
    if (op == 0)
      d.destination(0, Type::U32);
    else
      d.predicateDestination(0, false);
    d.out.variant = static_cast<std::uint32_t>(op == 0   ? BarrierOp::ReducePopc
                                               : op == 1 ? BarrierOp::ReduceAnd
                                                         : BarrierOp::ReduceOr);
    barrierOperands(d, 1, true, false);
  } else {
    d.accept("aligned");
    d.out.variant = static_cast<std::uint32_t>(form == 0 ? BarrierOp::Sync : BarrierOp::Arrive);
    barrierOperands(d, 0, false, form == 1);
  }
  d.out.handler = barrierHandler;
  return absl::OkStatus();
}
absl::Status decodeBar(Decoder &d) {
  d.accept("cta");
  return decodeBarrierForm(d);
}

// --- bar.warp.sync
// --------------------------------------------------------------------------------------------

Step warpSyncHandler(Warp &warp, const Instruction &i, LaneMask mask) {
  auto members = readLane<std::uint32_t>(warp, i.operands[0], firstLane(mask));
  for (LaneMask rest = mask; rest; rest &= rest - 1) {
    unsigned lane = firstLane(rest);
    members = readLane<std::uint32_t>(warp, i.operands[0], lane);
    if (!(members >> lane & 1))
      return warp.fail(
          i, FaultKind::PartialWarpCollective, lane,
          absl::StrFormat("the member mask %08x does not name the executing lane", members));
    // Lanes that the text's control flow brings here later meet through reconvergence; those that
    // have exited cannot.
    if (members & ~warp.active() & warp.live())
      return warp.fail(i, FaultKind::PartialWarpCollective, lane,
                       absl::StrFormat("the member mask %08x names lanes %08x that are elsewhere",
                                       members, members & ~warp.active() & warp.live()));
  }
  if (warp.observer() != nullptr && !warp.observer()->warpSync(warp, i, members & mask))
    return Step::Fault;
  return Step::Next;
}
absl::Status decodeWarpSync(Decoder &d) {
  d.out.instructionClass = InstructionClass::Barrier;
  d.expectOperands(1);
  d.source(0, Type::B32);
  d.out.handler = warpSyncHandler;
  return absl::OkStatus();
}

// --- fences
// --------------------------------------------------------------------------------------------------

Step fenceHandler(Warp &warp, const Instruction &i, LaneMask mask) {
  if (warp.observer() != nullptr && !warp.observer()->fence(warp, i, mask, i.ordering, i.scope))
    return Step::Fault;
  return Step::Next;
}

absl::Status decodeMembar(Decoder &d) {
  d.out.instructionClass = InstructionClass::Barrier;
  static constexpr Scope kScopes[] = {Scope::Cta, Scope::Gpu, Scope::System};
  d.out.scope = kScopes[d.oneOf({"cta", "gl", "sys"})];
  d.out.ordering = Ordering::SequentiallyConsistent;
  d.expectOperands(0);
  d.out.handler = fenceHandler;
  return absl::OkStatus();
}

absl::Status decodeFence(Decoder &d) {
  d.out.instructionClass = InstructionClass::Barrier;
  static constexpr Ordering kOrderings[] = {Ordering::SequentiallyConsistent,
                                            Ordering::AcquireRelease, Ordering::Acquire,
                                            Ordering::Release};
  int ordering = d.optionalOf({"sc", "acq_rel", "acquire", "release"});
  d.out.ordering = ordering < 0 ? Ordering::AcquireRelease : kOrderings[ordering];
  if (d.accept("sync_restrict::shared::cta") || d.accept("sync_restrict::shared::cluster"))
    ; // narrows what the fence covers; the whole fence is stronger, and the observer is told of
      // that
  d.out.scope = d.scope();
  if (d.out.scope == Scope::None)
    d.fail("scope expected");
  d.expectOperands(0);
  d.out.handler = fenceHandler;
  return absl::OkStatus();
}

} // namespace

void addBarrierInstructions(InstructionTable &table) {
  table.add("bar", decodeBar);
  table.add("bar.warp.sync", decodeWarpSync);
  table.add("barrier", decodeBarrierForm);
  table.add("barrier.cta", decodeBarrierForm);
  table.add("membar", decodeMembar);
  table.add("fence", decodeFence);
}

} // namespace qvlsim
