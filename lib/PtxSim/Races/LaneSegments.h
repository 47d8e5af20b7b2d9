// The bytes that the lanes of one instruction touch, as few contiguous segments.
#pragma once

#include "Module/Instruction.h"

#include <array>
#include <cstdint>
#include <optional>
#include <span>

namespace qvlsim::races {

/// Contiguous bytes: those of adjacent lanes one after another, or those that all of `lanes` touch.
struct LaneSegment {
  std::uint64_t address;
  std::uint32_t bytes;
  LaneMask lanes;
};

/// The accesses of a warp, each of `bytes` bytes, a power of two that the addresses are multiples
/// of: two of them touch the same bytes or have none in common.
class LaneSegments {
public:
  /// `findRepeats`: mayOverlap() and mayRepeat() are asked for.
  LaneSegments(LaneMask mask, std::uint32_t bytes, const std::uint64_t *addresses,
               bool findRepeats);

  std::uint32_t laneBytes() const { return bytes_; }
  /// Whether the segment consists of the bytes of adjacent lanes.
  bool isRun(const LaneSegment &segment) const { return bytes_ != 0 && segment.bytes > bytes_; }
  std::span<const LaneSegment> segments() const { return {list_.data(), count_}; }
  /// Whether several segments may name the same bytes, and whether several lanes may.
  bool mayOverlap() const { return mayOverlap_; }
  bool mayRepeat() const { return mayOverlap_ || repeats_; }
  /// The warp touches all segments as one.
  void makeCollective();
  bool isCollective() const { return bytes_ == 0; }
  /// Makes one segment an address.
  void separate(LaneMask mask, const std::uint64_t *addresses);

private:
  std::uint32_t bytes_; // of a lane; 0: collective
  std::array<LaneSegment, kWarpSize> list_;
  unsigned count_ = 0;
  bool mayOverlap_ = false, repeats_ = false;
};

/// Two lanes that name the same address but store different bytes, `stored(lane)` being what a lane
/// stores: which of them stays is undefined (PTX ISA 9.0, section 8.5).
struct LaneConflict {
  unsigned first, second;
};
template <typename Stored>
std::optional<LaneConflict> findConflict(LaneMask mask, const std::uint64_t *addresses,
                                         Stored stored) {
  for (LaneMask left = mask; left; left &= left - 1)
    for (LaneMask right = left & (left - 1); right; right &= right - 1) {
      const auto a = static_cast<unsigned>(__builtin_ctz(left));
      const auto b = static_cast<unsigned>(__builtin_ctz(right));
      if (addresses[a] == addresses[b] && stored(a) != stored(b))
        return LaneConflict{a, b};
    }
  return std::nullopt;
}

} // namespace qvlsim::races
