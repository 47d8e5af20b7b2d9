// Kernel launches and host functions.
#include "Entry.h"

namespace qvlsim::driver {

namespace {

/// Applies the attributes of a launch; unknown ones are refused.
CUresult applyAttributes(const CUlaunchConfig &config, LaunchOptions &options) {
  if (config.numAttrs > 0 && !config.attrs)
    return CUDA_ERROR_INVALID_VALUE;
  for (unsigned i = 0; i < config.numAttrs; ++i) {
    const CUlaunchAttribute &attribute = config.attrs[i];
    switch (attribute.id) {
    case CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION:
      options.cluster = {attribute.value.clusterDim.x, attribute.value.clusterDim.y,
                         attribute.value.clusterDim.z};
      if (options.cluster.volume() == 0)
        return CUDA_ERROR_INVALID_CLUSTER_SIZE;
      break;
    // Kernels of a stream never overlap here, which is always allowed.
    case CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_STREAM_SERIALIZATION:
    case CU_LAUNCH_ATTRIBUTE_PRIORITY:
    case CU_LAUNCH_ATTRIBUTE_IGNORE:
      break;
    default:
      return CUDA_ERROR_NOT_SUPPORTED;
    }
  }
  return CUDA_SUCCESS;
}

} // namespace

CUresult cuLaunchKernelEx(const CUlaunchConfig *config, CUfunction handle, void **parameters,
                          void **extra) {
  if (!config)
    return CUDA_ERROR_INVALID_VALUE;
  Stream *stream = context().stream(config->hStream);
  auto launch = std::make_shared<KernelLaunch>();
  launch->function = findFunction(handle, &launch->module);
  if (!stream || !launch->function)
    return CUDA_ERROR_INVALID_HANDLE;
  const Configuration &configuration = context().configuration;
  LaunchOptions &options = launch->options;
  options.grid = {config->gridDimX, config->gridDimY, config->gridDimZ};
  options.block = {config->blockDimX, config->blockDimY, config->blockDimZ};
  options.dynamicSharedBytes = config->sharedMemBytes;
  options.async = configuration.async;
  options.seed = configuration.seed;
  options.threads = configuration.threads;
  options.races = configuration.races;
  if (CUresult result = applyAttributes(*config, options); result != CUDA_SUCCESS)
    return result;
  if (CUresult result = checkLaunch(*launch); result != CUDA_SUCCESS)
    return result;
  if (CUresult result = packParameters(*launch, parameters, extra); result != CUDA_SUCCESS)
    return result;
  return context().submit(*stream, {CU_GRAPH_NODE_TYPE_KERNEL, nullptr, std::move(launch)});
}

CUresult cuLaunchKernel(CUfunction function, unsigned gridX, unsigned gridY, unsigned gridZ,
                        unsigned blockX, unsigned blockY, unsigned blockZ, unsigned dynamicShared,
                        CUstream stream, void **parameters, void **extra) {
  CUlaunchConfig config{gridX,  gridY,         gridZ,  blockX,  blockY,
                        blockZ, dynamicShared, stream, nullptr, 0};
  return cuLaunchKernelEx(&config, function, parameters, extra);
}

CUresult cuLaunchHostFunc(CUstream handle, CUhostFn function, void *user) {
  Stream *stream = context().stream(handle);
  if (!stream)
    return CUDA_ERROR_INVALID_HANDLE;
  if (!function)
    return CUDA_ERROR_INVALID_VALUE;
  const auto work = [function, user] {
    function(user);
    return CUDA_SUCCESS;
  };
  return context().submit(*stream, {CU_GRAPH_NODE_TYPE_HOST, work, nullptr});
}

} // namespace qvlsim::driver
