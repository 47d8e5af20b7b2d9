#include "Async/Mbarrier.h"

#include "Exec/Cluster.h"
#include "Memory/Access.h"
#include "Memory/AddressSpaces.h"
#include "absl/strings/str_format.h"

namespace qvlsim {
namespace {

constexpr std::uint32_t kOffsetMask = (1u << kSharedRankShift) - 1;

Cta &ctaOf(Warp &warp, std::uint64_t address) {
  return *warp.cluster().ctas[address >> kSharedRankShift];
}
std::uint32_t offsetOf(std::uint64_t address) {
  return static_cast<std::uint32_t>(address) & kOffsetMask;
}
std::uint64_t markOf(std::uint64_t address) {
  return 0x5D6B'A221'E700'0000u ^ address * 0x9E37'79B9'7F4A'7C15u;
}
MbarrierTable &tableOf(Warp &warp, std::uint64_t address) {
  return ctaOf(warp, address).extension<MbarrierTable>(ExtensionSlot::Mbarrier);
}
bool fail(Warp &warp, const Instruction &i, unsigned lane, std::uint64_t address,
          std::string_view what) {
  warp.fail(i, FaultKind::MbarrierMisuse, lane,
            absl::StrFormat("mbarrier at shared offset %d of CTA rank %d: %s", offsetOf(address),
                            address >> kSharedRankShift, what));
  return false;
}

void completePhase(Warp &warp, std::uint64_t address, Mbarrier &barrier) {
  if (barrier.pending != 0 || barrier.transactions != 0)
    return;
  if (AccessObserver *observer = warp.observer())
    observer->mbarrierPhaseEnd(warp.cluster(), address);
  ++barrier.phase;
  barrier.pending = barrier.expected;
  warp.cluster().notify();
}

} // namespace

bool initMbarrier(Warp &warp, const Instruction &i, unsigned lane, std::uint64_t address,
                  std::uint32_t count) {
  if (count < 1 || count > kMbarrierLimit)
    return fail(warp, i, lane, address,
                absl::StrFormat("a count of %d is outside 1 to %d", count, kMbarrierLimit));
  Cta &cta = ctaOf(warp, address);
  storeValue(cta.shared + offsetOf(address), markOf(address));
  std::fill_n(cta.sharedInitialised.get() + offsetOf(address), 8, std::uint8_t{1});
  tableOf(warp, address).byOffset[offsetOf(address)] = {.expected = count, .pending = count};
  return true;
}

bool invalidateMbarrier(Warp &warp, const Instruction &i, unsigned lane, std::uint64_t address) {
  if (findMbarrier(warp, i, lane, address) == nullptr)
    return false;
  tableOf(warp, address).byOffset.erase(offsetOf(address));
  Cta &cta = ctaOf(warp, address);
  storeValue(cta.shared + offsetOf(address), ~std::uint64_t{0});
  std::fill_n(cta.sharedInitialised.get() + offsetOf(address), 8, std::uint8_t{0});
  return true;
}

Mbarrier *findMbarrier(Warp &warp, const Instruction &i, unsigned lane, std::uint64_t address) {
  auto &table = tableOf(warp, address).byOffset;
  const auto found = table.find(offsetOf(address));
  if (found == table.end()) {
    fail(warp, i, lane, address, "no mbarrier.init has made an object there");
    return nullptr;
  }
  if (loadValue<std::uint64_t>(ctaOf(warp, address).shared + offsetOf(address)) !=
      markOf(address)) {
    fail(warp, i, lane, address, "its bytes have been overwritten since mbarrier.init");
    return nullptr;
  }
  return &found->second;
}

bool arriveMbarrier(Warp &warp, const Instruction &i, unsigned lane, std::uint64_t address,
                    const Arrival &arrival) {
  Mbarrier *barrier = findMbarrier(warp, i, lane, address);
  if (barrier == nullptr)
    return false;
  if (arrival.count < 1 || arrival.count > barrier->pending)
    return fail(warp, i, lane, address,
                absl::StrFormat("%d arrivals where the phase needs %d more of %d", arrival.count,
                                barrier->pending, barrier->expected));
  barrier->transactions += arrival.expect;
  if (barrier->transactions > kMbarrierLimit)
    return fail(warp, i, lane, address,
                absl::StrFormat("%d transaction bytes are expected; at most %d can be",
                                barrier->transactions, kMbarrierLimit));
  barrier->pending -= arrival.count;
  if (arrival.drop)
    barrier->expected -= arrival.count;
  if (!arrival.mayComplete && barrier->pending == 0 && barrier->transactions == 0)
    return fail(warp, i, lane, address, "a .noComplete arrival completes the phase");
  completePhase(warp, address, *barrier);
  return true;
}

bool addTransactions(Warp &warp, const Instruction &i, unsigned lane, std::uint64_t address,
                     std::int64_t bytes) {
  Mbarrier *barrier = findMbarrier(warp, i, lane, address);
  if (barrier == nullptr)
    return false;
  barrier->transactions += bytes;
  if (barrier->transactions > kMbarrierLimit || barrier->transactions < -kMbarrierLimit)
    return fail(warp, i, lane, address,
                absl::StrFormat("its transaction count would be %d; the range is +-%d",
                                barrier->transactions, kMbarrierLimit));
  completePhase(warp, address, *barrier);
  return true;
}

std::string describeMbarrierWait(const Warp &warp) {
  const std::uint64_t address = warp.wait.object;
  Cta &cta = *warp.cluster().ctas[address >> kSharedRankShift];
  const auto &table = cta.extension<MbarrierTable>(ExtensionSlot::Mbarrier).byOffset;
  std::string text = absl::StrFormat("the mbarrier at shared offset %d of CTA rank %d",
                                     offsetOf(address), address >> kSharedRankShift);
  const auto found = table.find(offsetOf(address));
  if (found == table.end())
    return text + ", which is no longer there";
  const Mbarrier &barrier = found->second;
  return text + absl::StrFormat(": phase %d (parity %d) lacks %d of %d arrivals and %d bytes",
                                barrier.phase, barrier.phase & 1, barrier.pending, barrier.expected,
                                barrier.transactions);
}

std::uint64_t mbarrierToken(const Mbarrier &barrier) {
  return std::uint64_t{barrier.pending} << 32 | static_cast<std::uint32_t>(barrier.phase);
}

} // namespace qvlsim
