#include "Races/LaneSegments.h"

#include <algorithm>
#include <bit>

namespace qvlsim::races {
namespace {

/// Whether the bytes of all lanes follow one another: by far the commonest case.
bool isOneRun(std::uint32_t bytes, const std::uint64_t *addresses) {
  std::uint64_t difference = 0;
  for (unsigned lane = 0; lane < kWarpSize; ++lane)
    difference |= addresses[lane] ^ (addresses[0] + std::uint64_t{lane} * bytes);
  return difference == 0;
}

/// Whether two lanes may name one address: some addresses that differ count as equal.
bool repeatsAddress(LaneMask mask, std::uint32_t bytes, const std::uint64_t *addresses) {
  const auto shift = static_cast<unsigned>(std::countr_zero(bytes));
  std::array<std::uint64_t, 4> seen = {};
  bool repeats = false;
  for (LaneMask rest = mask; rest; rest &= rest - 1) {
    const std::uint64_t hash = addresses[std::countr_zero(rest)] >> shift & 255;
    repeats |= seen[hash / 64] >> hash % 64 & 1;
    seen[hash / 64] |= std::uint64_t{1} << hash % 64;
  }
  return repeats;
}

} // namespace

LaneSegments::LaneSegments(LaneMask mask, std::uint32_t bytes, const std::uint64_t *addresses,
                           bool findRepeats)
    : bytes_(bytes) {
  if (mask == kAllLanes && isOneRun(bytes, addresses)) {
    list_[count_++] = {addresses[0], bytes * kWarpSize, mask};
    return;
  }
  LaneSegment *last = nullptr;
  unsigned next = kWarpSize; // the lane that the last segment can go on with
  for (LaneMask rest = mask; rest; rest &= rest - 1) {
    const auto lane = static_cast<unsigned>(std::countr_zero(rest));
    const std::uint64_t address = addresses[lane];
    if (lane == next && address == last->address + last->bytes) {
      last->bytes += bytes;
      last->lanes |= rest & -rest;
      ++next;
    } else if (last != nullptr && last->bytes == bytes && last->address == address) {
      last->lanes |= rest & -rest;
      next = kWarpSize;
      repeats_ = true;
    } else {
      last = &list_[count_++];
      *last = {address, bytes, rest & -rest};
      next = lane + 1;
    }
  }
  if (findRepeats && count_ > 1)
    mayOverlap_ = repeatsAddress(mask, bytes, addresses);
}

void LaneSegments::makeCollective() {
  bytes_ = 0;
  for (unsigned s = 0; s < count_; ++s)
    list_[s].lanes = kAllLanes;
}

void LaneSegments::separate(LaneMask mask, const std::uint64_t *addresses) {
  count_ = 0;
  for (LaneMask rest = mask; rest; rest &= rest - 1)
    list_[count_++] = {addresses[std::countr_zero(rest)], bytes_, rest & -rest};
  std::sort(list_.begin(), list_.begin() + count_,
            [](const LaneSegment &a, const LaneSegment &b) { return a.address < b.address; });
  unsigned kept = 0;
  for (unsigned i = 1; i < count_; ++i) {
    if (list_[i].address == list_[kept].address)
      list_[kept].lanes |= list_[i].lanes;
    else
      list_[++kept] = list_[i];
  }
  count_ = count_ == 0 ? 0 : kept + 1;
}

} // namespace qvlsim::races
