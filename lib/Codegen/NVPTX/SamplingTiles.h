// Threads and shared memory of the kernels that choose token ids.
#pragma once

#include <cstdint>

namespace mlir::qvl {

inline constexpr int64_t kArgmaxWarps = 8;
inline constexpr int64_t kSampleWarps = 16; // more would leave too few registers a thread
inline constexpr int64_t kSumBytes = 8;     // sums are i64

/// Shared memory of `qvl.sample`: sums of parts of the row, and a histogram of sums over 256 values
/// of a byte. The histogram is there in copies, so that lanes rarely add to the same place.
struct SampleMemory {
  static constexpr int64_t kBins = 256, kCopies = 16, kGroups = 16;

  static constexpr int64_t kPartials = 0; // one a warp
  static constexpr int64_t kGroupSums = kPartials + kSampleWarps * kSumBytes;
  static constexpr int64_t kBinSums = kGroupSums + kGroups * kSumBytes;
  static constexpr int64_t kHistogram = kBinSums + kBins * kSumBytes; // [kBins][kCopies]
  static constexpr int64_t kBytes = kHistogram + kBins * kCopies * kSumBytes;
};

} // namespace mlir::qvl
