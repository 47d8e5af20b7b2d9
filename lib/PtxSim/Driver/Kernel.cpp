#include "Kernel.h"

#include <cstdio>
#include <cstring>

namespace qvlsim::driver {

using namespace qvlcuda;

/// What hardware makes of a broken rule. Where it would go on with wrong data, the launch fails.
static CUresult resultOf(FaultKind kind) {
  switch (kind) {
  case FaultKind::OutOfBounds:
  case FaultKind::ReadOnlyWrite:
    return CUDA_ERROR_ILLEGAL_ADDRESS;
  case FaultKind::Misaligned:
    return CUDA_ERROR_MISALIGNED_ADDRESS;
  case FaultKind::IllegalInstructionUse:
    return CUDA_ERROR_ILLEGAL_INSTRUCTION;
  case FaultKind::InvalidCall:
    return CUDA_ERROR_INVALID_PC;
  case FaultKind::CallDepth:
  case FaultKind::LocalMemory:
    return CUDA_ERROR_HARDWARE_STACK_ERROR;
  case FaultKind::Deadlock:
  case FaultKind::InstructionLimit:
    return CUDA_ERROR_LAUNCH_TIMEOUT;
  default:
    return CUDA_ERROR_LAUNCH_FAILED;
  }
}

CUresult KernelLaunch::run(DeviceMemory &memory) const {
  LaunchResult result =
      launch(*module->instance, function->info->name, parameters, memory, options);
  if (!result.fault)
    return CUDA_SUCCESS;
  std::fprintf(stderr, "PTX simulator: %s: %s\n", function->info->name.c_str(),
               result.fault->toString().c_str());
  return resultOf(result.fault->kind);
}

/// The end of a list of launch options, and the two that give a packed buffer.
static void *const kExtraEnd = nullptr;
static void *const kExtraBuffer = reinterpret_cast<void *>(1);
static void *const kExtraBufferSize = reinterpret_cast<void *>(2);

static CUresult packBuffer(KernelLaunch &launch, void **extra) {
  const void *buffer = nullptr;
  std::size_t bytes = 0;
  for (; *extra != kExtraEnd; extra += 2) {
    if (extra[0] == kExtraBuffer)
      buffer = extra[1];
    else if (extra[0] == kExtraBufferSize)
      bytes = *static_cast<std::size_t *>(extra[1]);
    else
      return CUDA_ERROR_INVALID_VALUE;
  }
  if (!buffer || bytes < launch.parameters.size())
    return CUDA_ERROR_INVALID_VALUE;
  std::memcpy(launch.parameters.data(), buffer, launch.parameters.size());
  return CUDA_SUCCESS;
}

CUresult packParameters(KernelLaunch &launch, void **kernelParams, void **extra) {
  const KernelInfo &info = *launch.function->info;
  launch.parameters.assign(info.parameterBytes, std::byte{0});
  for (const ParameterInfo &parameter : info.parameters)
    launch.pointers.push_back(launch.parameters.data() + parameter.offset);
  if (info.parameters.empty())
    return CUDA_SUCCESS;
  if (kernelParams && extra)
    return CUDA_ERROR_INVALID_VALUE;
  if (extra)
    return packBuffer(launch, extra);
  if (!kernelParams)
    return CUDA_ERROR_INVALID_VALUE;
  for (std::size_t i = 0; i < info.parameters.size(); ++i) {
    if (!kernelParams[i])
      return CUDA_ERROR_INVALID_VALUE;
    std::memcpy(launch.pointers[i], kernelParams[i], info.parameters[i].size);
  }
  return CUDA_SUCCESS;
}

static CUresult checkCluster(const KernelLaunch &launch) {
  Dim3 cluster = launch.options.cluster;
  const Dim3 required = launch.function->info->requiredCluster;
  if (cluster.x == 0)
    cluster = required.x == 0 ? Dim3{} : required;
  else if (required.x != 0 && !(cluster == required))
    return CUDA_ERROR_INVALID_CLUSTER_SIZE;
  if (cluster.x == 0 || cluster.y == 0 || cluster.z == 0 ||
      cluster.volume() > (launch.function->nonPortableCluster ? kMaxClusterSize : 8u))
    return CUDA_ERROR_INVALID_CLUSTER_SIZE;
  const Dim3 &grid = launch.options.grid;
  if (grid.x % cluster.x != 0 || grid.y % cluster.y != 0 || grid.z % cluster.z != 0)
    return CUDA_ERROR_INVALID_CLUSTER_SIZE;
  return CUDA_SUCCESS;
}

CUresult checkLaunch(const KernelLaunch &launch) {
  const Dim3 &grid = launch.options.grid, &block = launch.options.block;
  const KernelInfo &info = *launch.function->info;
  if (grid.volume() == 0 || block.volume() == 0 || grid.x > INT32_MAX || grid.y > 65535 ||
      grid.z > 65535 || block.x > 1024 || block.y > 1024 || block.z > 64 ||
      block.volume() > kMaxThreadsPerBlock)
    return CUDA_ERROR_INVALID_VALUE;
  if (info.requiredBlock.x != 0 && !(block == info.requiredBlock))
    return CUDA_ERROR_INVALID_VALUE;
  if (info.maxThreads.x != 0 && block.volume() > info.maxThreads.volume())
    return CUDA_ERROR_INVALID_VALUE;
  if (launch.options.dynamicSharedBytes > launch.function->maxDynamicShared ||
      std::uint64_t{info.staticSharedBytes} + launch.options.dynamicSharedBytes > kMaxSharedBytes)
    return CUDA_ERROR_INVALID_VALUE;
  return checkCluster(launch);
}

} // namespace qvlsim::driver
