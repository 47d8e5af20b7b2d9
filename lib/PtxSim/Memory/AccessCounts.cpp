#include "Memory/AccessCounts.h"

#include <algorithm>
#include <bit>
#include <vector>

namespace qvlsim {
namespace {

constexpr std::uint64_t kBanks = 32, kBankBytes = 4, kSectorBytes = 32;

/// Distinct units of `unit` bytes that the lanes touch.
std::vector<std::uint64_t> distinctUnits(const LaneAccess &access, LaneMask mask,
                                         std::uint64_t unit) {
  std::vector<std::uint64_t> units;
  for (LaneMask rest = mask; rest; rest &= rest - 1) {
    std::uint64_t address = access.addresses[static_cast<unsigned>(std::countr_zero(rest))];
    for (std::uint64_t u = address / unit; u <= (address + access.bytes - 1) / unit; ++u)
      units.push_back(u);
  }
  std::sort(units.begin(), units.end());
  units.erase(std::unique(units.begin(), units.end()), units.end());
  return units;
}

/// Wavefronts of some lanes: the largest number of different words in one bank.
std::uint64_t wavefronts(const LaneAccess &access, LaneMask mask) {
  std::uint64_t perBank[kBanks] = {};
  for (std::uint64_t word : distinctUnits(access, mask, kBankBytes))
    ++perBank[word % kBanks];
  return *std::max_element(perBank, perBank + kBanks);
}

} // namespace

void countAccess(Counts &counts, const LaneAccess &access, LaneMask inShared, LaneMask inGlobal) {
  if (inShared) {
    ++counts.sharedRequests;
    // Accesses of 8 and 16 bytes are served by half and quarter warps.
    unsigned parts = access.bytes >= 16 ? 4 : access.bytes == 8 ? 2 : 1;
    for (unsigned part = 0; part < parts; ++part) {
      unsigned lanes = kWarpSize / parts;
      LaneMask window = lanes == kWarpSize ? kAllLanes : ((1U << lanes) - 1) << (part * lanes);
      if (inShared & window)
        counts.sharedBankConflicts += wavefronts(access, inShared & window) - 1;
    }
  }
  if (inGlobal) {
    ++counts.globalRequests;
    counts.globalSectors += distinctUnits(access, inGlobal, kSectorBytes).size();
  }
}

} // namespace qvlsim
