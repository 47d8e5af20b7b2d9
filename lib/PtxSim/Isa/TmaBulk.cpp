// cp.async.bulk and cp.reduce.async.bulk of plain ranges, and bulk groups (PTX ISA 9.0, section
// 9.7.9.25.4).
#include "Async/BulkTransfer.h"
#include "Async/Reduction.h"
#include "Exec/Cluster.h"
#include "Exec/Lanes.h"
#include "Memory/AddressSpaces.h"
#include "Module/Decode.h"
#include "Module/InstructionTable.h"
#include "absl/strings/str_format.h"

#include <bit>
#include <cstring>

namespace qvlsim {
namespace {

/// Operands of copies: destination, source, size, mbarrier (or absent), multicast or byte mask (or
/// absent). space: of the destination; variant: the Reduction; variant2: flags.
enum Flags : std::uint32_t { kFromShared = 1, kMulticast = 2, kByteMask = 4 };

struct BulkCopy {
  Warp *warp = nullptr;
  const Instruction *instruction = nullptr;
  unsigned lane = 0;
  std::uint32_t bytes = 0;
  std::uint16_t byteMask = 0xFFFF; // byte b of every 16 is written when bit b is set
  RangeAccess from = {}, to = {};
  Completion completion = {}; // by which others hear of its end

  Reduction reduction() const { return static_cast<Reduction>(instruction->variant); }
  AccessKind writeKind() const {
    return reduction() == Reduction::None ? AccessKind::Write : AccessKind::Atomic;
  }
  bool fail(std::string_view detail) const {
    warp->fail(*instruction, FaultKind::IllegalInstructionUse, lane, detail);
    return false;
  }
};

bool beginCopy(Warp &warp, const Instruction &i, unsigned lane, BulkCopy &copy) {
  copy.warp = &warp;
  copy.instruction = &i;
  copy.lane = lane;
  copy.bytes = readLane<std::uint32_t>(warp, i.operands[2], lane);
  if (copy.bytes == 0 || copy.bytes % 16 != 0)
    return copy.fail(
        absl::StrFormat("the size is %d bytes; it has to be a multiple of 16", copy.bytes));
  if (i.variant2 & kByteMask)
    copy.byteMask = readLane<std::uint16_t>(warp, i.operands[4], lane);
  const StateSpace fromSpace = i.variant2 & kFromShared ? StateSpace::Shared : StateSpace::Global;
  return accessRange(warp, i, lane, laneAddress(warp, i.operands[1], lane), copy.bytes, 16,
                     AccessKind::Read, fromSpace, copy.from);
}

bool observe(const BulkCopy &copy, AccessKind kind, const RangeAccess &range) {
  return observeBulk(*copy.warp, *copy.instruction, copy.lane, kind, range, copy.bytes,
                     &copy.completion);
}

/// Tells the observer of both ranges.
bool resolveTarget(BulkCopy &copy, std::uint64_t address, StateSpace space) {
  return accessRange(*copy.warp, *copy.instruction, copy.lane, address, copy.bytes, 16,
                     copy.writeKind(), space, copy.to) &&
         observe(copy, AccessKind::Read, copy.from) && observe(copy, copy.writeKind(), copy.to);
}

bool checkSource(const BulkCopy &copy) {
  return requireInitialised(*copy.warp, *copy.instruction, copy.lane, copy.from, copy.bytes);
}

bool writeTarget(const BulkCopy &copy, const std::byte *source) {
  if (copy.reduction() != Reduction::None) {
    const Type type = copy.instruction->type;
    if (!requireInitialised(*copy.warp, *copy.instruction, copy.lane, copy.to, copy.bytes))
      return false;
    reduceElements(copy.reduction(), type, copy.to.data, source, copy.bytes / byteSize(type));
    return true;
  }
  if (copy.byteMask == 0xFFFF) {
    std::memcpy(copy.to.data, source, copy.bytes);
    copy.to.markWritten(copy.bytes);
    return true;
  }
  for (std::uint32_t b = 0; b < copy.bytes; ++b)
    if (copy.byteMask >> b % 16 & 1) {
      copy.to.data[b] = source[b];
      if (copy.to.initialised != nullptr)
        copy.to.initialised[b] = 1;
    }
  return true;
}

// --- towards an mbarrier ------------------------------------------------------------------------

bool loadTo(BulkCopy copy, std::uint64_t target, std::uint64_t mbarrier, StateSpace space) {
  copy.completion.mbarrier = mbarrier;
  if (!observeBulkLoad(*copy.warp, *copy.instruction, copy.lane, mbarrier) ||
      !resolveTarget(copy, target, space))
    return false;
  if (copy.to.space != StateSpace::Shared)
    return copy.fail("the destination does not lie in shared memory");
  if (copy.to.address >> kSharedRankShift != mbarrier >> kSharedRankShift)
    return copy.fail("the mbarrier lies in another CTA than the destination");
  if (copy.warp->cluster().lateAsync() && copy.reduction() == Reduction::None)
    poisonRange(copy.to, copy.bytes);
  return issueBulkLoad(*copy.warp, *copy.instruction, copy.lane, mbarrier, copy.bytes,
                       [copy] { return checkSource(copy) && writeTarget(copy, copy.from.data); });
}

bool loadLane(Warp &warp, const Instruction &i, unsigned lane) {
  BulkCopy copy;
  std::uint64_t mbarrier = 0;
  if (!beginCopy(warp, i, lane, copy) ||
      !resolveMbarrier(warp, i, lane, laneAddress(warp, i.operands[3], lane), i.space, mbarrier))
    return false;
  const std::uint64_t target = laneAddress(warp, i.operands[0], lane);
  if (!(i.variant2 & kMulticast))
    return loadTo(copy, target, mbarrier, i.space);
  return forMulticastTargets(warp, i, lane, i.operands[4], target, mbarrier,
                             [&](std::uint64_t shared, std::uint64_t itsMbarrier) {
                               return loadTo(copy, shared, itsMbarrier, StateSpace::SharedCluster);
                             });
}

Step load(Warp &warp, const Instruction &i, LaneMask mask) {
  for (LaneMask rest = mask; rest; rest &= rest - 1)
    if (!loadLane(warp, i, static_cast<unsigned>(std::countr_zero(rest))))
      return Step::Fault;
  return Step::Next;
}

// --- towards a group ----------------------------------------------------------------------------

bool storeLane(Warp &warp, const Instruction &i, unsigned lane) {
  BulkCopy copy;
  copy.completion.group = AsyncGroup::Bulk;
  auto store = std::make_shared<BulkStore>();
  if (warp.observer())
    store->operation = warp.observer()->asyncIssue(warp, i, 1u << lane, AsyncGroup::Bulk);
  if (!beginCopy(warp, i, lane, copy) ||
      !resolveTarget(copy, laneAddress(warp, i.operands[0], lane), StateSpace::Global))
    return false;
  store->warp = &warp;
  store->instruction = &i;
  store->lane = lane;
  auto buffer = std::make_shared<std::vector<std::byte>>();
  store->read = [copy, buffer] {
    buffer->assign(copy.from.data, copy.from.data + copy.bytes);
    return checkSource(copy);
  };
  store->write = [copy, buffer] { return writeTarget(copy, buffer->data()); };
  return issueBulkStore(std::move(store));
}

Step store(Warp &warp, const Instruction &i, LaneMask mask) {
  for (LaneMask rest = mask; rest; rest &= rest - 1)
    if (!storeLane(warp, i, static_cast<unsigned>(std::countr_zero(rest))))
      return Step::Fault;
  return Step::Next;
}

Step commitGroup(Warp &warp, const Instruction &, LaneMask mask) {
  auto &groups = warp.extension<BulkGroups>(ExtensionSlot::Bulk);
  forLanes(mask, [&](unsigned lane) {
    BulkGroups::Thread &thread = groups.threads[lane];
    thread.committed.push_back(std::move(thread.open));
    thread.open.clear();
  });
  return Step::Next;
}

/// One store of a group that is waited for; `onlyRead` with .read.
bool finish(Warp &warp, const Instruction &i, unsigned lane, BulkStore &store, bool onlyRead) {
  if (!(onlyRead ? store.finishRead() : store.finishWrite()))
    return false;
  return !warp.observer() || warp.observer()->asyncWait(warp, i, 1u << lane, AsyncGroup::Bulk,
                                                        store.operation, onlyRead);
}

/// variant: 1 with .read. Such groups stay in line for a later full wait.
Step waitGroup(Warp &warp, const Instruction &i, LaneMask mask) {
  auto &groups = warp.extension<BulkGroups>(ExtensionSlot::Bulk);
  for (LaneMask rest = mask; rest; rest &= rest - 1) {
    const auto lane = static_cast<unsigned>(std::countr_zero(rest));
    auto &committed = groups.threads[lane].committed;
    const std::size_t keep = static_cast<std::size_t>(i.immediate);
    const std::size_t ready = committed.size() > keep ? committed.size() - keep : 0;
    for (std::size_t g = 0; g < ready; ++g)
      for (const auto &store : committed[g])
        if (!finish(warp, i, lane, *store, i.variant != 0))
          return Step::Fault;
    if (!i.variant)
      committed.erase(committed.begin(), committed.begin() + static_cast<std::ptrdiff_t>(ready));
  }
  return Step::Next;
}

Step prefetch(Warp &, const Instruction &, LaneMask) { return Step::Next; }

// --- decoding -----------------------------------------------------------------------------------

/// {.redOp.type} in front of nothing, behind the completion mechanism.
void reduction(Decoder &d) {
  const auto op =
      static_cast<Reduction>(d.oneOf({"add", "min", "max", "inc", "dec", "and", "or", "xor"}));
  const bool noftz = d.accept("noftz");
  d.out.type = d.type({Type::F16, Type::BF16, Type::F32, Type::F64, Type::B32, Type::B64, Type::U32,
                       Type::U64, Type::S32, Type::S64});
  d.out.variant = static_cast<std::uint32_t>(op);
  const bool half = d.out.type == Type::F16 || d.out.type == Type::BF16;
  if (!reductionExists(op, d.out.type))
    d.fail("the reduction does not exist for this type");
  if (noftz != (half && op == Reduction::Add))
    d.fail(".noftz belongs to .add of .f16 and .bf16, and is mandatory there");
}

absl::Status decodeToShared(Decoder &d, bool reduce) {
  d.out.space = d.oneOf({"shared::cluster", "shared::cta"}) == 0 ? StateSpace::SharedCluster
                                                                 : StateSpace::Shared;
  std::uint32_t flags = 0;
  if (reduce || d.peek() == "shared::cta") {
    d.oneOf({"shared::cta"});
    flags |= kFromShared;
  } else {
    d.oneOf({"global"});
  }
  d.oneOf({"mbarrier::complete_tx::bytes"});
  d.out.variant = static_cast<std::uint32_t>(Reduction::None);
  if (reduce)
    reduction(d);
  else if (!(flags & kFromShared) && d.accept("multicast::cluster"))
    flags |= kMulticast;
  const bool policy = !(flags & kFromShared) && d.accept("L2::cache_hint");
  const std::size_t masks = flags & kMulticast ? 1 : 0;
  d.expectOperands(4 + masks + (policy ? 1 : 0));
  d.address(0, d.out.space);
  d.address(1, flags & kFromShared ? StateSpace::Shared : StateSpace::Global);
  d.source(2, Type::B32);
  d.address(3, d.out.space);
  if (masks)
    d.source(4, Type::B16);
  if (policy)
    d.source(4 + masks, Type::B64);
  d.out.variant2 = flags;
  d.out.handler = load;
  return absl::OkStatus();
}

absl::Status decodeToGlobal(Decoder &d, bool reduce) {
  d.oneOf({"global"});
  d.oneOf({"shared::cta"});
  d.oneOf({"bulk_group"});
  const bool policy = d.accept("L2::cache_hint");
  const bool masked = !reduce && d.accept("cp_mask");
  d.out.variant = static_cast<std::uint32_t>(Reduction::None);
  if (reduce)
    reduction(d);
  d.expectOperands(3 + (policy ? 1 : 0) + (masked ? 1 : 0));
  d.address(0, StateSpace::Global);
  d.address(1, StateSpace::Shared);
  d.source(2, Type::B32);
  d.appendAbsent();
  if (masked)
    d.source(d.operandCount() - 1, Type::B16);
  if (policy)
    d.source(3, Type::B64);
  d.out.variant2 = kFromShared | (masked ? kByteMask : 0u);
  d.out.handler = store;
  return absl::OkStatus();
}

absl::Status decodeCopy(Decoder &d, bool reduce) {
  d.out.instructionClass = InstructionClass::Async;
  return d.peek() == "global" ? decodeToGlobal(d, reduce) : decodeToShared(d, reduce);
}

absl::Status decodeCommit(Decoder &d) {
  d.expectOperands(0);
  d.out.instructionClass = InstructionClass::Async;
  d.out.handler = commitGroup;
  return absl::OkStatus();
}

absl::Status decodeWait(Decoder &d) {
  d.out.variant = d.accept("read");
  d.expectOperands(1);
  d.out.immediate = d.constant(0, 0, 0x7FFFFFFF);
  d.out.instructionClass = InstructionClass::Async;
  d.out.handler = waitGroup;
  return absl::OkStatus();
}

absl::Status decodePrefetch(Decoder &d) {
  d.oneOf({"L2"});
  d.oneOf({"global"});
  const bool policy = d.accept("L2::cache_hint");
  d.expectOperands(policy ? 3 : 2);
  d.address(0, StateSpace::Global);
  d.source(1, Type::B32);
  if (policy)
    d.source(2, Type::B64);
  d.out.instructionClass = InstructionClass::Async;
  d.out.handler = prefetch;
  return absl::OkStatus();
}

} // namespace

void addTmaBulkInstructions(InstructionTable &table) {
  table.add("cp.async.bulk", [](Decoder &d) { return decodeCopy(d, false); });
  table.add("cp.reduce.async.bulk", [](Decoder &d) { return decodeCopy(d, true); });
  table.add("cp.async.bulk.commit_group", decodeCommit);
  table.add("cp.async.bulk.wait_group", decodeWait);
  table.add("cp.async.bulk.prefetch", decodePrefetch);
}

} // namespace qvlsim
