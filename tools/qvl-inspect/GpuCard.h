// The GPUs that costs are predicted for.
#pragma once

#include <cstdint>

namespace qvlinspect {

/// Peaks of the vendor's data sheets (SXM, 80 GB; dense, without sparsity) and limits of its
/// programming guide (compute capabilities).
struct GpuCard {
  const char *name;
  const char *architecture; // of machine code for it
  double tensorFlops;       // a second, bf16 products with f32 sums
  double fmaFlops;          // a second, f32
  double bytesPerSecond;    // of its memory
  double tensorShare;       // of tensorFlops that mma.sync is taken to reach at best
  double wideShare;         // the same of wide forms; 0: the card does not run them
  int multiprocessors;
  std::int64_t sharedBytes; // of one multiprocessor
  std::int64_t threads;     // of one multiprocessor
};

/// mma.sync is the instruction of the A100; the H100 reaches its peak with wgmma only and is said
/// to reach about 60 % of it with mma.sync. A stage of a wide form (lib/Codegen/NVPTX/LinearWide.h)
/// keeps the tensor cores busy for 1024 cycles and shared memory, of 128 bytes a cycle, for 1152
/// (rows and panels written, rows read by both warpgroups, panels once), which bounds its share by
/// 89 %; the rest is for the L2 cache and for the ends of tiles.
inline constexpr GpuCard kCards[] = {
    {"A100", "sm_80", 312e12, 19.5e12, 2.039e12, 0.8, 0, 108, 164 << 10, 2048},
    {"H100", "sm_90", 989.4e12, 66.9e12, 3.35e12, 0.55, 0.65, 132, 228 << 10, 2048},
};

/// 32-bit registers of a multiprocessor, of both.
inline constexpr std::int64_t kRegisters = 65536;

/// What a kernel of ours is taken to reach where nothing else limits it.
inline constexpr double kBandwidthShare = 0.8; // of bytesPerSecond
inline constexpr double kFmaShare = 0.7;       // of fmaFlops
/// Seconds between two kernels of one graph.
inline constexpr double kLaunchGap = 1.5e-6;

} // namespace qvlinspect
