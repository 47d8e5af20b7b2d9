#include "Exec/LaunchChecks.h"

#include "absl/strings/str_format.h"

#include <algorithm>

namespace qvlsim {
namespace {

std::string shown(const Dim3 &d) { return absl::StrFormat("(%d,%d,%d)", d.x, d.y, d.z); }

bool outside(const Dim3 &d, std::uint32_t x, std::uint32_t y, std::uint32_t z) {
  return d.x == 0 || d.y == 0 || d.z == 0 || d.x > x || d.y > y || d.z > z;
}

std::string checkBlock(const KernelInfo &info, const LaunchOptions &o) {
  if (outside(o.grid, 0x7FFFFFFF, 65535, 65535))
    return absl::StrFormat("grid %s is outside (1..2147483647, 1..65535, 1..65535)", shown(o.grid));
  if (outside(o.block, 1024, 1024, 64) || o.block.volume() > kMaxThreadsPerBlock)
    return absl::StrFormat(
        "block %s has extents or a volume that no block can have (at most %d threads)",
        shown(o.block), kMaxThreadsPerBlock);
  if (info.requiredBlock.volume() != 0 && !(info.requiredBlock == o.block))
    return absl::StrFormat("block %s differs from .reqntid %s", shown(o.block),
                           shown(info.requiredBlock));
  if (info.maxThreads.volume() != 0 && o.block.volume() > info.maxThreads.volume())
    return absl::StrFormat("block %s exceeds .maxntid %s", shown(o.block), shown(info.maxThreads));
  return "";
}

std::string checkCluster(LaunchState &launch) {
  const KernelInfo &info = *launch.info;
  const Dim3 &grid = launch.options.grid;
  Dim3 &c = launch.cluster;
  c = launch.options.cluster;
  if (c.volume() == 0)
    c = info.requiredCluster.volume() ? info.requiredCluster : Dim3{1, 1, 1};
  if (info.requiredCluster.volume() != 0 && !(c == info.requiredCluster))
    return absl::StrFormat("cluster %s differs from .reqnctapercluster %s", shown(c),
                           shown(info.requiredCluster));
  std::uint32_t most =
      info.maxClusterRank ? std::min(info.maxClusterRank, kMaxClusterSize) : kMaxClusterSize;
  if (c.volume() == 0 || c.volume() > most)
    return absl::StrFormat("cluster %s exceeds %d blocks", shown(c), most);
  if (grid.x % c.x || grid.y % c.y || grid.z % c.z)
    return absl::StrFormat("grid %s is no multiple of cluster %s", shown(grid), shown(c));
  return "";
}

} // namespace

std::string checkLaunch(LaunchState &launch, std::size_t parameterBytes) {
  const KernelInfo &info = *launch.info;
  if (std::string cause = checkBlock(info, launch.options); !cause.empty())
    return cause;
  if (std::string cause = checkCluster(launch); !cause.empty())
    return cause;
  std::uint64_t shared =
      std::uint64_t{launch.kernel->dynamicSharedStart} + launch.options.dynamicSharedBytes;
  if (shared > kMaxSharedBytes)
    return absl::StrFormat("%d bytes of static and dynamic shared memory exceed %d", shared,
                           kMaxSharedBytes);
  launch.sharedBytes = static_cast<std::uint32_t>(shared);
  launch.dynamicSharedStart = launch.kernel->dynamicSharedStart;
  if (parameterBytes != info.parameterBytes)
    return absl::StrFormat("%d bytes of parameters given, the kernel takes %d", parameterBytes,
                           info.parameterBytes);
  return "";
}

} // namespace qvlsim
