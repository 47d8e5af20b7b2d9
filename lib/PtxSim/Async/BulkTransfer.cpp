#include "Async/BulkTransfer.h"

#include "Async/Mbarrier.h"
#include "Exec/Cluster.h"
#include "Exec/Lanes.h"
#include "Memory/AddressSpaces.h"
#include "absl/strings/str_format.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace qvlsim {

namespace {

bool hasEnded(const Cta &cta) {
  return std::all_of(cta.warps.begin(), cta.warps.end(),
                     [](const auto &warp) { return warp->state == Warp::State::Done; });
}

} // namespace

bool BulkStore::finishRead() {
  if (wasRead)
    return true;
  if (warp->state == Warp::State::Done) {
    warp->fail(*instruction, FaultKind::AsyncGroupMisuse, lane,
               "the thread has exited before its bulk copy has read shared memory: wait with "
               "cp.async.bulk.wait_group.read 0");
    return false;
  }
  wasRead = true;
  return read();
}

bool BulkStore::finishWrite() {
  if (wasWritten)
    return true;
  if (!finishRead())
    return false;
  wasWritten = true;
  return write();
}

bool issueBulkStore(std::shared_ptr<BulkStore> store) {
  auto &groups = store->warp->extension<BulkGroups>(ExtensionSlot::Bulk);
  groups.threads[store->lane].open.push_back(store);
  Cluster &cluster = store->warp->cluster();
  if (!cluster.lateAsync())
    return store->finishWrite();
  cluster.pending.push([store] { return store->finishWrite(); });
  return true;
}

bool observeBulkLoad(Warp &warp, const Instruction &i, unsigned lane, std::uint64_t mbarrier) {
  return !warp.observer() || warp.observer()->asyncIssueTowards(warp, i, 1u << lane, mbarrier);
}

bool issueBulkLoad(Warp &warp, const Instruction &i, unsigned lane, std::uint64_t mbarrier,
                   std::uint64_t bytes, std::function<bool()> perform) {
  if (findMbarrier(warp, i, lane, mbarrier) == nullptr)
    return false;
  auto complete = [&warp, &i, lane, mbarrier, bytes, perform = std::move(perform)] {
    if (hasEnded(*warp.cluster().ctas[mbarrier >> kSharedRankShift])) {
      warp.fail(i, FaultKind::AsyncGroupMisuse, lane,
                "all threads of the destination's CTA have exited before the copy has landed: wait "
                "for its mbarrier");
      return false;
    }
    if (!perform())
      return false;
    if (AccessObserver *observer = warp.observer())
      observer->asyncCompleteTowards(warp.cluster(), mbarrier);
    warp.cluster().notify();
    return addTransactions(warp, i, lane, mbarrier, -static_cast<std::int64_t>(bytes));
  };
  if (!warp.cluster().lateAsync())
    return complete();
  warp.cluster().pending.push(std::move(complete));
  return true;
}

bool resolveMbarrier(Warp &warp, const Instruction &i, unsigned lane, std::uint64_t address,
                     StateSpace space, std::uint64_t &normalised) {
  RangeAccess range;
  if (!accessRange(warp, i, lane, address, 8, 8, AccessKind::Atomic, space, range))
    return false;
  normalised = range.address;
  if (range.space == StateSpace::Shared)
    return true;
  warp.fail(i, FaultKind::MbarrierMisuse, lane, "the mbarrier does not lie in shared memory");
  return false;
}

bool forMulticastTargets(Warp &warp, const Instruction &i, unsigned lane, const Operand &mask,
                         std::uint64_t shared, std::uint64_t mbarrier,
                         const std::function<bool(std::uint64_t, std::uint64_t)> &load) {
  const std::uint32_t ranks = readLane<std::uint32_t>(warp, mask, lane) & 0xFFFFu;
  const std::size_t ctas = warp.cluster().ctas.size();
  if (ranks == 0 || ranks >> ctas) {
    warp.fail(i, FaultKind::IllegalInstructionUse, lane,
              absl::StrFormat("multicast mask %#x in a cluster of %d CTAs", ranks, ctas));
    return false;
  }
  constexpr std::uint64_t kOffset = (std::uint64_t{1} << kSharedRankShift) - 1;
  const std::uint64_t window = shared >= kSharedWindow ? kSharedWindow : 0;
  for (std::uint32_t rest = ranks; rest; rest &= rest - 1) {
    const std::uint64_t base = static_cast<std::uint64_t>(std::countr_zero(rest))
                               << kSharedRankShift;
    if (!load(base | ((shared - window) & kOffset), base | (mbarrier & kOffset)))
      return false;
  }
  return true;
}

void poisonRange(const RangeAccess &range, std::uint64_t bytes) {
  std::memset(range.data, 0xFF, bytes);
  if (range.initialised != nullptr)
    std::memset(range.initialised, 0, bytes);
}

bool requireInitialised(Warp &warp, const Instruction &i, unsigned lane, const RangeAccess &range,
                        std::uint64_t bytes) {
  const std::uint64_t first = range.firstUninitialised(bytes);
  if (first == bytes)
    return true;
  warp.fail(i, FaultKind::UninitialisedRead, lane,
            absl::StrFormat("the copy reads .%s address %#x, which nothing has written",
                            name(range.space), range.address + first));
  return false;
}

bool observeBulk(Warp &warp, const Instruction &i, unsigned lane, AccessKind kind,
                 const RangeAccess &range, std::uint64_t bytes, const Completion *completion,
                 Proxy proxy) {
  if (!warp.observer() || (range.space != StateSpace::Shared && range.space != StateSpace::Global))
    return true;
  return warp.observer()->bulkAccess(warp, i,
                                     {.kind = kind,
                                      .proxy = proxy,
                                      .space = range.space,
                                      .lanes = 1u << lane,
                                      .address = range.address,
                                      .bytes = bytes,
                                      .completion = completion});
}

} // namespace qvlsim
