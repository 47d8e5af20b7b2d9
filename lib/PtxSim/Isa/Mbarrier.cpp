// mbarrier.* (PTX ISA 9.0, section 9.7.13.15).
#include "Async/Mbarrier.h"

#include "Exec/Cluster.h"
#include "Exec/Lanes.h"
#include "Memory/Access.h"
#include "Module/Decode.h"
#include "Module/InstructionTable.h"
#include "absl/strings/str_format.h"

namespace qvlsim {
namespace {

/// Finds the objects that the lanes name. Their order is the mbarrier's business, not that of plain
/// accesses: the observer hears of the operations instead.
bool locate(Warp &warp, const Instruction &i, LaneMask mask, const Operand &address,
            LaneAccess &access) {
  const AccessRequest request{.kind = AccessKind::Atomic,
                              .space = i.space,
                              .bytes = 8,
                              .observe = false,
                              .allowUninitialised = true};
  if (!accessMemory(warp, i, mask, address, request, access))
    return false;
  for (LaneMask rest = mask; rest; rest &= rest - 1) {
    const auto lane = static_cast<unsigned>(std::countr_zero(rest));
    if (access.regions[lane] != nullptr) {
      warp.fail(i, FaultKind::MbarrierMisuse, lane,
                "the address lies in global memory; an mbarrier lies in shared memory");
      return false;
    }
  }
  return true;
}

/// Calls fn(lanes, address) for the lanes of each object.
template <typename Function>
bool forDistinctObjects(const LaneAccess &access, LaneMask mask, Function fn) {
  while (mask) {
    const std::uint64_t address = access.addresses[std::countr_zero(mask)];
    LaneMask lanes = 0;
    forLanes(mask,
             [&](unsigned lane) { lanes |= LaneMask{access.addresses[lane] == address} << lane; });
    mask &= ~lanes;
    if (!fn(lanes, address))
      return false;
  }
  return true;
}

/// Tells the observer of arrivals. Before they happen: what they release has to be known when they
/// complete a phase.
bool observeArrivals(Warp &warp, const Instruction &i, LaneMask mask, const LaneAccess &access,
                     Ordering ordering) {
  AccessObserver *observer = warp.observer();
  return observer == nullptr ||
         forDistinctObjects(access, mask, [&](LaneMask lanes, std::uint64_t address) {
           return observer->mbarrierArrive(warp, i, lanes, address, ordering, i.scope);
         });
}

/// Calls fn(lane, address) for each lane until one fails.
template <typename Function>
Step forObjects(Warp &warp, LaneMask mask, const LaneAccess &access, Function fn) {
  for (LaneMask rest = mask; rest; rest &= rest - 1) {
    const auto lane = static_cast<unsigned>(std::countr_zero(rest));
    if (!fn(lane, access.addresses[lane]))
      return Step::Fault;
  }
  warp.cluster().notify();
  return Step::Next;
}
template <typename Function>
Step forObjects(Warp &warp, const Instruction &i, LaneMask mask, const Operand &address,
                Function fn) {
  LaneAccess access;
  if (!locate(warp, i, mask, address, access))
    return Step::Fault;
  return forObjects(warp, mask, access, fn);
}

Step init(Warp &warp, const Instruction &i, LaneMask mask) {
  return forObjects(warp, i, mask, i.operands[0], [&](unsigned lane, std::uint64_t address) {
    return initMbarrier(warp, i, lane, address,
                        readLane<std::uint32_t>(warp, i.operands[1], lane)) &&
           (!warp.observer() || warp.observer()->mbarrierInit(warp, i, 1u << lane, address));
  });
}

Step invalidate(Warp &warp, const Instruction &i, LaneMask mask) {
  return forObjects(warp, i, mask, i.operands[0], [&](unsigned lane, std::uint64_t address) {
    return invalidateMbarrier(warp, i, lane, address) &&
           (!warp.observer() || warp.observer()->mbarrierInvalidate(warp, i, 1u << lane, address));
  });
}

enum ArriveFlags : std::uint32_t { kDrop = 1, kNoComplete = 2, kExpect = 4, kCount = 8 };

Arrival arrivalOf(Warp &warp, const Instruction &i, unsigned lane) {
  Arrival arrival{.drop = (i.variant & kDrop) != 0, .mayComplete = !(i.variant & kNoComplete)};
  if (i.variant & kExpect)
    arrival.expect = readLane<std::uint32_t>(warp, i.operands[2], lane);
  else if (i.variant & kCount)
    arrival.count = readLane<std::uint32_t>(warp, i.operands[2], lane);
  return arrival;
}

/// Lanes whose arrivals are more than the phase of their object still needs, so that it ends among
/// them: what the later ones release belongs to the next phase. False after a fault.
bool lanesAcrossPhases(Warp &warp, const Instruction &i, LaneMask mask, const LaneAccess &access,
                       LaneMask &across) {
  return forDistinctObjects(access, mask, [&](LaneMask lanes, std::uint64_t address) {
    const auto first = static_cast<unsigned>(std::countr_zero(lanes));
    const Mbarrier *barrier = findMbarrier(warp, i, first, address);
    if (barrier == nullptr)
      return false;
    std::uint64_t arrivals = 0;
    forLanes(lanes, [&](unsigned lane) { arrivals += arrivalOf(warp, i, lane).count; });
    across |= arrivals > barrier->pending ? lanes : 0;
    return true;
  });
}

/// Operands: state or sink, address, [count or transaction bytes].
Step arrive(Warp &warp, const Instruction &i, LaneMask mask) {
  LaneAccess access;
  LaneMask across = 0;
  if (!locate(warp, i, mask, i.operands[1], access) ||
      !lanesAcrossPhases(warp, i, mask, access, across) ||
      !observeArrivals(warp, i, mask & ~across, access, i.ordering))
    return Step::Fault;
  return forObjects(warp, mask, access, [&](unsigned lane, std::uint64_t address) {
    const Mbarrier *barrier = findMbarrier(warp, i, lane, address);
    if (barrier == nullptr || !observeArrivals(warp, i, across & 1u << lane, access, i.ordering))
      return false;
    const std::uint64_t token = mbarrierToken(*barrier);
    if (!arriveMbarrier(warp, i, lane, address, arrivalOf(warp, i, lane)))
      return false;
    if (i.operands[0].exists())
      writeLane(warp, i.operands[0], lane, token);
    return true;
  });
}

/// expect_tx (immediate 1) and complete_tx (immediate -1).
Step transactions(Warp &warp, const Instruction &i, LaneMask mask) {
  LaneAccess access;
  if (!locate(warp, i, mask, i.operands[0], access) ||
      !observeArrivals(warp, i, mask, access, Ordering::Relaxed))
    return Step::Fault;
  return forObjects(warp, mask, access, [&](unsigned lane, std::uint64_t address) {
    const std::int64_t bytes = readLane<std::uint32_t>(warp, i.operands[1], lane);
    return addTransactions(warp, i, lane, address, i.immediate * bytes);
  });
}

/// Whether the phase that a token or parity names has ended; fails on a token that is too old.
bool phaseEnded(Warp &warp, const Instruction &i, unsigned lane, const Mbarrier &barrier,
                bool &ended) {
  if (i.variant) { // .parity: the phase of that parity which is current or just behind
    ended = (barrier.phase & 1) != (readLane<std::uint32_t>(warp, i.operands[2], lane) & 1);
    return true;
  }
  const auto phase = static_cast<std::uint32_t>(readLane<std::uint64_t>(warp, i.operands[2], lane));
  const std::uint32_t behind = static_cast<std::uint32_t>(barrier.phase) - phase;
  if (behind > 1) {
    warp.fail(i, FaultKind::MbarrierMisuse, lane,
              absl::StrFormat("the state is of phase %d; the mbarrier is in phase %d, and only "
                              "states of this and of the preceding phase may be tested",
                              phase, barrier.phase));
    return false;
  }
  ended = behind == 1;
  return true;
}

/// test_wait and try_wait. Both return at once: a time limit that is over is always legal, and
/// other warps run before the program asks again.
Step wait(Warp &warp, const Instruction &i, LaneMask mask) {
  LaneAccess access;
  if (!locate(warp, i, mask, i.operands[1], access))
    return Step::Fault;
  warp.wait = {};
  LaneMask done = 0, behind = 0; // lanes whose phase has ended; those of them that saw it end
  for (LaneMask rest = mask; rest; rest &= rest - 1) {
    const auto lane = static_cast<unsigned>(std::countr_zero(rest));
    const Mbarrier *barrier = findMbarrier(warp, i, lane, access.addresses[lane]);
    bool ended = false;
    if (barrier == nullptr || !phaseEnded(warp, i, lane, *barrier, ended))
      return Step::Fault;
    if (!ended) {
      warp.wait = {&i, describeMbarrierWait, access.addresses[lane]};
      continue;
    }
    done |= 1u << lane;
    // A fresh object passes for odd parity: no phase has ended, nothing is acquired.
    behind |= barrier->phase != 0 ? 1u << lane : 0;
  }
  AccessObserver *observer = warp.observer();
  if (observer != nullptr &&
      !forDistinctObjects(access, behind, [&](LaneMask lanes, std::uint64_t address) {
        return observer->mbarrierWait(warp, i, lanes, address, i.ordering, i.scope);
      }))
    return Step::Fault;
  if (i.operands[0].exists())
    warp.setPredicate(i.operands[0], mask, done);
  return done == mask ? Step::Next : Step::Yield;
}

Step pendingCount(Warp &warp, const Instruction &i, LaneMask mask) {
  forLanes(mask, [&](unsigned lane) {
    writeLane(warp, i.operands[0], lane,
              static_cast<std::uint32_t>(readLane<std::uint64_t>(warp, i.operands[1], lane) >> 32));
  });
  return Step::Next;
}

// --- decoding -----------------------------------------------------------------------------------

void sharedSpace(Decoder &d, bool allowCluster) {
  d.out.space = StateSpace::Generic;
  if (d.accept("shared::cta") || d.accept("shared"))
    d.out.space = StateSpace::Shared;
  else if (allowCluster && d.accept("shared::cluster"))
    d.out.space = StateSpace::SharedCluster;
  d.oneOf({"b64"});
  d.out.instructionClass = InstructionClass::Barrier;
}

/// {.sem.scope}: release or acquire at .cta when absent.
void semantics(Decoder &d, std::string_view strong, Ordering ordering) {
  d.out.ordering = ordering;
  d.out.scope = Scope::Cta;
  if (d.accept("relaxed"))
    d.out.ordering = Ordering::Relaxed;
  else if (!d.accept(strong))
    return;
  d.out.scope = d.scope();
  if (d.out.scope != Scope::Cta && d.out.scope != Scope::Cluster)
    d.fail("mbarrier: the scope is .cta or .cluster");
}

absl::Status decodeInit(Decoder &d) {
  sharedSpace(d, false);
  d.expectOperands(2);
  d.address(0, d.out.space);
  d.source(1, Type::B32);
  d.out.handler = init;
  return absl::OkStatus();
}

absl::Status decodeInvalidate(Decoder &d) {
  sharedSpace(d, false);
  d.expectOperands(1);
  d.address(0, d.out.space);
  d.out.handler = invalidate;
  return absl::OkStatus();
}

absl::Status decodeArrival(Decoder &d, bool drop) {
  std::uint32_t flags = drop ? kDrop : 0u;
  if (d.accept("expect_tx"))
    flags |= kExpect;
  else if (d.accept("noComplete"))
    flags |= kNoComplete | kCount;
  semantics(d, "release", Ordering::Release);
  sharedSpace(d, true);
  // The state may be left out for a remote object.
  const bool hasState = d.operandCount() > 0 && d.parsed(0).kind != ParsedOperand::Kind::Address;
  const std::size_t first = hasState ? 1 : 0;
  const bool remote = d.out.space == StateSpace::SharedCluster;
  if (!hasState && !remote)
    d.fail("mbarrier.arrive: a state operand (or _) expected");
  if (hasState && remote && d.parsed(0).kind != ParsedOperand::Kind::Sink)
    d.fail("mbarrier.arrive on .shared::cluster returns no state: write _");
  if (hasState)
    d.destination(0, Type::B64, false, true);
  else
    d.appendAbsent(true);
  d.address(first, d.out.space);
  const bool needsCount = (flags & (kExpect | kNoComplete)) != 0;
  d.expectOperands(first + 1 + (needsCount ? 1 : 0), first + 2);
  if (d.operandCount() > first + 1) {
    d.source(first + 1, Type::B32);
    if (!(flags & kExpect))
      flags |= kCount;
  }
  d.out.variant = flags;
  d.out.handler = arrive;
  return absl::OkStatus();
}

absl::Status decodeTransactions(Decoder &d, int sign) {
  d.out.ordering = Ordering::Relaxed;
  if (d.accept("relaxed"))
    d.out.scope = d.scope();
  sharedSpace(d, true);
  d.expectOperands(2);
  d.address(0, d.out.space);
  d.source(1, Type::B32);
  d.out.immediate = sign;
  d.out.handler = transactions;
  return absl::OkStatus();
}

absl::Status decodeWait(Decoder &d, bool mayHint) {
  d.out.variant = d.accept("parity");
  semantics(d, "acquire", Ordering::Acquire);
  sharedSpace(d, false);
  d.expectOperands(3, mayHint ? 4 : 3);
  d.predicateDestination(0);
  d.address(1, d.out.space);
  d.source(2, d.out.variant ? Type::B32 : Type::B64);
  if (d.operandCount() == 4)
    d.source(3, Type::B32);
  d.out.handler = wait;
  return absl::OkStatus();
}

absl::Status decodePendingCount(Decoder &d) {
  d.oneOf({"b64"});
  d.out.instructionClass = InstructionClass::Barrier;
  d.expectOperands(2);
  d.destination(0, Type::B32);
  d.source(1, Type::B64);
  d.out.handler = pendingCount;
  return absl::OkStatus();
}

} // namespace

void addMbarrierInstructions(InstructionTable &table) {
  table.add("mbarrier.init", decodeInit);
  table.add("mbarrier.inval", decodeInvalidate);
  table.add("mbarrier.arrive", [](Decoder &d) { return decodeArrival(d, false); });
  table.add("mbarrier.arrive_drop", [](Decoder &d) { return decodeArrival(d, true); });
  table.add("mbarrier.expect_tx", [](Decoder &d) { return decodeTransactions(d, 1); });
  table.add("mbarrier.complete_tx", [](Decoder &d) { return decodeTransactions(d, -1); });
  table.add("mbarrier.test_wait", [](Decoder &d) { return decodeWait(d, false); });
  table.add("mbarrier.try_wait", [](Decoder &d) { return decodeWait(d, true); });
  table.add("mbarrier.pending_count", decodePendingCount);
}

} // namespace qvlsim
