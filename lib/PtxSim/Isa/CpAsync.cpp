// cp.async (PTX ISA 9.0, section 9.7.9.25.3): copies of 4, 8 or 16 bytes from global to shared
// memory by each thread.
//
// In late mode a copy happens when the thread waits for its group: until then the destination
// counts as unwritten and holds poison.
#include "Async/Mbarrier.h"
#include "Exec/Cluster.h"
#include "Exec/Lanes.h"
#include "Memory/Access.h"
#include "Module/Decode.h"
#include "Module/FunctionBuilder.h"
#include "Module/InstructionTable.h"
#include "absl/strings/str_format.h"

#include <algorithm>
#include <array>
#include <deque>

namespace qvlsim {
namespace {

/// One warp-wide copy. Groups are counted per lane, since commits and waits of lanes may differ.
struct Copy {
  const Instruction *instruction = nullptr;
  LaneMask pending = 0;
  std::uint64_t operation = 0;
  LaneAccess to, from;
  std::array<std::uint8_t, kWarpSize> sourceBytes{};
  std::array<std::uint32_t, kWarpSize> group{};
};

struct CopyQueue : Extension {
  std::deque<Copy> copies;
  std::array<std::uint32_t, kWarpSize> committed{}; // groups: number of the one being filled
  std::uint64_t lastOperation = 0;
};

CopyQueue &queueOf(Warp &warp) { return warp.extension<CopyQueue>(ExtensionSlot::AsyncCopy); }

void poison(const Copy &copy) {
  for (LaneMask rest = copy.pending; rest; rest &= rest - 1) {
    const auto lane = static_cast<unsigned>(std::countr_zero(rest));
    std::memset(copy.to.data[lane], 0xFF, copy.to.bytes);
    std::memset(copy.to.initialised[lane], 0, copy.to.bytes);
  }
}

/// Takes effect for some lanes. Bytes beyond the source size become zero.
bool perform(Warp &warp, Copy &copy, LaneMask lanes) {
  copy.pending &= ~lanes;
  for (LaneMask rest = lanes; rest; rest &= rest - 1) {
    const auto lane = static_cast<unsigned>(std::countr_zero(rest));
    const unsigned count = copy.sourceBytes[lane];
    if (count != 0) {
      const std::uint8_t *initialised = copy.from.initialised[lane];
      if (initialised != nullptr && std::memchr(initialised, 0, count) != nullptr) {
        warp.fail(*copy.instruction, FaultKind::UninitialisedRead, lane,
                  absl::StrFormat("copy of %d bytes at .global address %#x, which nothing has "
                                  "written",
                                  count, copy.from.addresses[lane]));
        return false;
      }
      std::memcpy(copy.to.data[lane], copy.from.data[lane], count);
    }
    std::memset(copy.to.data[lane] + count, 0, copy.to.bytes - count);
  }
  copy.to.markWritten(lanes);
  return true;
}

/// Completes copies of `lanes` in groups below committed - `inFlight`; `open` takes all. `wait`:
/// the lanes wait for them.
bool completeGroups(Warp &warp, const Instruction &i, LaneMask lanes, std::uint32_t inFlight,
                    bool open, bool wait) {
  CopyQueue &queue = queueOf(warp);
  for (Copy &copy : queue.copies) {
    LaneMask ready = 0;
    for (LaneMask rest = copy.pending & lanes; rest; rest &= rest - 1) {
      const auto lane = static_cast<unsigned>(std::countr_zero(rest));
      if (open || std::uint64_t{copy.group[lane]} + inFlight < queue.committed[lane])
        ready |= 1u << lane;
    }
    if (ready == 0)
      continue;
    if (warp.cluster().lateAsync() ? !perform(warp, copy, ready) : (copy.pending &= ~ready, false))
      return false;
    if (wait && warp.observer() &&
        !warp.observer()->asyncWait(warp, i, ready, AsyncGroup::Copy, copy.operation, false))
      return false;
  }
  while (!queue.copies.empty() && queue.copies.front().pending == 0)
    queue.copies.pop_front();
  return true;
}

bool readSizes(Warp &warp, const Instruction &i, LaneMask mask, Copy &copy) {
  const unsigned bytes = i.elementBytes;
  copy.sourceBytes.fill(static_cast<std::uint8_t>(bytes));
  const Operand &extra = i.operands[2];
  if (extra.kind == Operand::Kind::Predicate) { // ignore-src
    const LaneMask ignored = warp.predicate(extra);
    forLanes(mask & ignored, [&](unsigned lane) { copy.sourceBytes[lane] = 0; });
  } else if (extra.exists()) {
    for (LaneMask rest = mask; rest; rest &= rest - 1) {
      const auto lane = static_cast<unsigned>(std::countr_zero(rest));
      const auto size = readLane<std::uint32_t>(warp, extra, lane);
      if (size > bytes) {
        warp.fail(i, FaultKind::IllegalInstructionUse, lane,
                  absl::StrFormat("src-size %d exceeds cp-size %d", size, bytes));
        return false;
      }
      copy.sourceBytes[lane] = static_cast<std::uint8_t>(size);
    }
  }
  return true;
}

/// Lanes that read nothing may point anywhere (aligned or not), so only the others are resolved. A
/// source that is read in part is checked for that part.
bool resolveSources(Warp &warp, const Instruction &i, LaneMask mask, Copy &copy) {
  for (LaneMask rest = mask; rest; rest &= rest - 1) {
    const auto lane = static_cast<unsigned>(std::countr_zero(rest));
    const unsigned count = copy.sourceBytes[lane];
    if (count == 0)
      continue;
    RangeAccess range;
    if (!accessRange(warp, i, lane, laneAddress(warp, i.operands[1], lane), count, i.elementBytes,
                     AccessKind::Read, StateSpace::Global, range))
      return false;
    copy.from.data[lane] = range.data;
    copy.from.initialised[lane] = range.initialised;
    copy.from.addresses[lane] = range.address;
  }
  return true;
}

bool observeCopy(Warp &warp, const Instruction &i, LaneMask mask, Copy &copy) {
  AccessObserver *observer = warp.observer();
  if (observer == nullptr)
    return true;
  copy.operation = queueOf(warp).lastOperation =
      observer->asyncIssue(warp, i, mask, AsyncGroup::Copy);
  const Completion completion{.group = AsyncGroup::Copy};
  LaneMask whole = 0;
  for (LaneMask rest = mask; rest; rest &= rest - 1) {
    const auto lane = static_cast<unsigned>(std::countr_zero(rest));
    const std::uint32_t count = copy.sourceBytes[lane];
    if (count == i.elementBytes)
      whole |= 1u << lane;
    else if (count != 0 && !observer->bulkAccess(warp, i,
                                                 {.kind = AccessKind::Read,
                                                  .proxy = Proxy::Generic,
                                                  .space = StateSpace::Global,
                                                  .lanes = 1u << lane,
                                                  .address = copy.from.addresses[lane],
                                                  .bytes = count,
                                                  .completion = &completion}))
      return false;
  }
  // cp.async belongs to the generic proxy.
  WarpAccess access{.kind = AccessKind::Read,
                    .space = StateSpace::Global,
                    .mask = whole,
                    .bytes = i.elementBytes,
                    .addresses = copy.from.addresses.data(),
                    .completion = &completion};
  if (whole != 0 && !observer->access(warp, i, access))
    return false;
  access.kind = AccessKind::Write;
  access.space = StateSpace::Shared;
  access.mask = mask;
  access.addresses = copy.to.addresses.data();
  return observer->access(warp, i, access);
}

Step copyAsync(Warp &warp, const Instruction &i, LaneMask mask) {
  CopyQueue &queue = queueOf(warp);
  Copy &copy = queue.copies.emplace_back();
  copy.instruction = &i;
  copy.group = queue.committed;
  const AccessRequest request{.kind = AccessKind::Write,
                              .space = StateSpace::Shared,
                              .bytes = i.elementBytes,
                              .observe = false};
  if (!readSizes(warp, i, mask, copy) || !resolveSources(warp, i, mask, copy) ||
      !accessMemory(warp, i, mask, i.operands[0], request, copy.to) ||
      !observeCopy(warp, i, mask, copy))
    return Step::Fault;
  copy.pending = mask;
  if (warp.cluster().lateAsync())
    poison(copy);
  else if (!perform(warp, copy, mask))
    return Step::Fault;
  else
    copy.pending = mask; // for the observer: the group is still to be waited for
  return Step::Next;
}

Step commitGroup(Warp &warp, const Instruction &, LaneMask mask) {
  CopyQueue &queue = queueOf(warp);
  forLanes(mask, [&](unsigned lane) { ++queue.committed[lane]; });
  return Step::Next;
}

Step waitGroup(Warp &warp, const Instruction &i, LaneMask mask) {
  const bool ok =
      completeGroups(warp, i, mask, static_cast<std::uint32_t>(i.immediate), i.variant, true);
  return ok ? Step::Next : Step::Fault;
}

/// The mbarrier hears of an arrival once everything that the lane has copied so far is there.
/// Without .noinc the pending count is raised first, so that the arrival does not count.
Step arriveWhenCopied(Warp &warp, const Instruction &i, LaneMask mask) {
  const AccessRequest request{.kind = AccessKind::Atomic,
                              .space = i.space,
                              .bytes = 8,
                              .observe = false,
                              .allowUninitialised = true};
  LaneAccess access;
  if (!accessMemory(warp, i, mask, i.operands[0], request, access))
    return Step::Fault;
  for (LaneMask rest = mask; rest; rest &= rest - 1) {
    const auto lane = static_cast<unsigned>(std::countr_zero(rest));
    const std::uint64_t address = access.addresses[lane];
    Mbarrier *barrier = findMbarrier(warp, i, lane, address);
    if (barrier == nullptr)
      return Step::Fault;
    if (!i.variant && barrier->pending++ >= kMbarrierLimit)
      return warp.fail(i, FaultKind::MbarrierMisuse, lane, "the pending count overflows");
    const auto arrive = [&warp, &i, lane, address, last = queueOf(warp).lastOperation] {
      const LaneMask self = 1u << lane;
      return completeGroups(warp, i, self, 0, true, false) &&
             (!warp.observer() || warp.observer()->asyncArrive(warp, i, self, address, last)) &&
             arriveMbarrier(warp, i, lane, address, {});
    };
    if (warp.cluster().lateAsync())
      warp.cluster().pending.push(arrive);
    else if (!arrive())
      return Step::Fault;
  }
  return Step::Next;
}

// --- decoding -----------------------------------------------------------------------------------

absl::Status decodeCopy(Decoder &d) {
  const bool cacheGlobal = d.oneOf({"ca", "cg"}) == 1;
  if (!d.accept("shared::cta"))
    d.oneOf({"shared"});
  d.oneOf({"global"});
  const bool policy = d.cacheHints();
  d.out.instructionClass = InstructionClass::Async;
  d.out.handler = copyAsync;
  const std::size_t least = policy ? 4 : 3;
  d.expectOperands(least, least + 1);
  d.address(0, StateSpace::Shared);
  d.address(1, StateSpace::Global);
  const std::int64_t bytes = d.constant(2, 4, 16);
  if (bytes != 16 && (cacheGlobal || (bytes != 4 && bytes != 8)))
    d.fail(cacheGlobal ? "cp.async.cg copies 16 bytes" : "cp.async copies 4, 8 or 16 bytes");
  d.out.elementBytes = static_cast<std::uint8_t>(bytes);
  if (d.operandCount() == least) {
    d.appendAbsent();
  } else {
    const ParsedOperand &extra = d.parsed(3);
    const auto reg = extra.kind == ParsedOperand::Kind::Name ? d.builder().findRegister(extra.text)
                                                             : std::nullopt;
    if (reg && reg->kind == Operand::Kind::Predicate)
      d.predicateSource(3);
    else
      d.source(3, Type::B32);
  }
  if (policy)
    d.source(d.operandCount() - 1, Type::B64);
  return absl::OkStatus();
}

absl::Status decodeCommit(Decoder &d) {
  d.expectOperands(0);
  d.out.instructionClass = InstructionClass::Async;
  d.out.handler = commitGroup;
  return absl::OkStatus();
}

absl::Status decodeWaitGroup(Decoder &d) {
  d.expectOperands(1);
  d.out.immediate = d.constant(0, 0, 0x7FFFFFFF);
  d.out.instructionClass = InstructionClass::Async;
  d.out.handler = waitGroup;
  return absl::OkStatus();
}

absl::Status decodeWaitAll(Decoder &d) {
  d.expectOperands(0);
  d.out.variant = 1;
  d.out.instructionClass = InstructionClass::Async;
  d.out.handler = waitGroup;
  return absl::OkStatus();
}

absl::Status decodeArrive(Decoder &d) {
  d.out.variant = d.accept("noinc");
  d.out.space =
      d.accept("shared::cta") || d.accept("shared") ? StateSpace::Shared : StateSpace::Generic;
  d.oneOf({"b64"});
  d.expectOperands(1);
  d.address(0, d.out.space);
  d.out.instructionClass = InstructionClass::Async;
  d.out.handler = arriveWhenCopied;
  return absl::OkStatus();
}

} // namespace

void addCpAsyncInstructions(InstructionTable &table) {
  table.add("cp.async", decodeCopy);
  table.add("cp.async.commit_group", decodeCommit);
  table.add("cp.async.wait_group", decodeWaitGroup);
  table.add("cp.async.wait_all", decodeWaitAll);
  table.add("cp.async.mbarrier.arrive", decodeArrive);
}

} // namespace qvlsim
