// How many blocks and clusters fit.
#include "Entry.h"

#include <algorithm>

namespace qvlsim::driver {

/// Limits of one multiprocessor of compute capability 9.0.
static constexpr int kBlocks = 32, kThreads = 2048, kShared = 233472;
static constexpr int kReservedShared = 1024; // of each block
static constexpr int kMultiprocessors = 4;

CUresult cuOccupancyMaxActiveBlocksPerMultiprocessor(int *blocks, CUfunction handle, int blockSize,
                                                     std::size_t dynamicShared) {
  const Function *function = findFunction(handle);
  if (!function)
    return CUDA_ERROR_INVALID_HANDLE;
  if (!blocks || blockSize < 1)
    return CUDA_ERROR_INVALID_VALUE;
  const KernelInfo &info = *function->info;
  const std::size_t shared = info.staticSharedBytes + std::min<std::size_t>(dynamicShared, kShared);
  const int threads = (blockSize + 31) / 32 * 32;
  if (blockSize > static_cast<int>(kMaxThreadsPerBlock) || shared > kMaxSharedBytes)
    *blocks = 0;
  else
    // The registers of PTX are virtual: how many a processor would take is not known, so they do
    // not limit here.
    *blocks = std::min(
        {kBlocks, kThreads / threads, kShared / (static_cast<int>(shared) + kReservedShared)});
  return CUDA_SUCCESS;
}

CUresult cuOccupancyMaxActiveClusters(int *clusters, CUfunction function,
                                      const CUlaunchConfig *config) {
  if (!clusters || !config)
    return CUDA_ERROR_INVALID_VALUE;
  std::uint64_t size = 1;
  for (unsigned i = 0; i < config->numAttrs; ++i)
    if (config->attrs[i].id == CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION) {
      const auto &dim = config->attrs[i].value.clusterDim;
      size = std::uint64_t{dim.x} * dim.y * dim.z;
    }
  if (size == 0 || size > kMaxClusterSize)
    return CUDA_ERROR_INVALID_CLUSTER_SIZE;
  const std::uint64_t threads =
      std::uint64_t{config->blockDimX} * config->blockDimY * config->blockDimZ;
  int blocks = 0;
  CUresult result = cuOccupancyMaxActiveBlocksPerMultiprocessor(
      &blocks, function, static_cast<int>(std::min<std::uint64_t>(threads, 1 << 20)),
      config->sharedMemBytes);
  *clusters = blocks * kMultiprocessors / static_cast<int>(size);
  return result;
}

} // namespace qvlsim::driver
