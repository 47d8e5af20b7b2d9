#include "KernelRun.h"

#include "absl/strings/str_format.h"
#include "qvlrt/status.h"

#include <array>
#include <cstring>

namespace qvlptxrun {
namespace {

using qvlptxsim::Argument;
using qvlptxsim::LaunchFlags;
using qvlptxsim::TensorMapText;

/// A module that is unloaded when it dies.
class LoadedModule {
public:
  explicit LoadedModule(const Gpu &gpu) : gpu(gpu) {}
  ~LoadedModule() {
    if (module)
      gpu.driver().cuModuleUnload(module).IgnoreError();
  }
  LoadedModule(const LoadedModule &) = delete;
  LoadedModule &operator=(const LoadedModule &) = delete;

  absl::Status load(const std::string &file, const std::string &text) {
    std::array<char, 8192> log{};
    CUjit_option options[] = {CU_JIT_ERROR_LOG_BUFFER, CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES};
    void *values[] = {log.data(), reinterpret_cast<void *>(log.size() - 1)};
    const absl::Status status =
        gpu.driver().cuModuleLoadDataEx(&module, text.c_str(), 2, options, values);
    if (status.ok())
      return status;
    return absl::Status(status.code(), absl::StrFormat("%s: %s: %s", file,
                                                       std::string(status.message()), log.data()));
  }
  absl::StatusOr<CUfunction> find(const LaunchFlags &flags) const {
    CUfunction function = nullptr;
    const absl::Status status =
        gpu.driver().cuModuleGetFunction(&function, module, flags.kernel.c_str());
    if (!status.ok())
      return absl::Status(status.code(),
                          absl::StrFormat("%s: kernel %s: %s", flags.file, flags.kernel,
                                          std::string(status.message())));
    return function;
  }

private:
  const Gpu &gpu;
  CUmodule module = nullptr;
};

absl::StatusOr<CUtensorMap> encode(const Gpu &gpu, const TensorMapText &text, CUdeviceptr address) {
  using Encode =
      CUresult (*)(CUtensorMap *, int, cuuint32_t, void *, const cuuint64_t *, const cuuint64_t *,
                   const cuuint32_t *, const cuuint32_t *, int, int, int, int);
  const auto encodeTiled = reinterpret_cast<Encode>(gpu.function("cuTensorMapEncodeTiled"));
  if (!encodeTiled)
    return absl::FailedPreconditionError("the driver has no tensor maps; they need CUDA 12.0");
  CUtensorMap map{};
  constexpr int kNoInterleave = 0, kNoPromotion = 0;
  const CUresult result =
      encodeTiled(&map, text.dataType, text.rank, reinterpret_cast<void *>(address),
                  text.dims.data(), text.strides.data(), text.box.data(), text.steps.data(),
                  kNoInterleave, text.swizzle, kNoPromotion, text.fill);
  if (result != CUDA_SUCCESS)
    return absl::InvalidArgumentError(
        absl::StrFormat("cuTensorMapEncodeTiled failed: error %d", static_cast<int>(result)));
  return map;
}

/// The values of a launch's parameters: each has a block of its own, aligned as a tensor map asks.
struct alignas(64) ParameterBlock {
  std::uint8_t bytes[64];
};
using ParameterBytes = std::vector<ParameterBlock>;

ParameterBytes parameterOf(std::span<const std::uint8_t> value) {
  ParameterBytes parameter(value.size() / sizeof(ParameterBlock) + 1);
  std::memset(parameter.data(), 0, parameter.size() * sizeof(ParameterBlock));
  std::memcpy(parameter.data(), value.data(), value.size());
  return parameter;
}

template <typename T> std::span<const std::uint8_t> bytesOf(const T &value) {
  return {reinterpret_cast<const std::uint8_t *>(&value), sizeof value};
}

/// Uploads an argument's buffer, to `*address`, and gives the parameter.
absl::StatusOr<ParameterBytes> place(Gpu &gpu, const Argument &argument, CUdeviceptr *address) {
  if (!argument.buffer)
    return parameterOf(argument.value);
  QVLRT_ASSIGN_OR_RETURN(*address, gpu.upload(argument.buffer->bytes));
  if (!argument.tensorMap)
    return parameterOf(bytesOf(*address));
  absl::StatusOr<CUtensorMap> map = encode(gpu, *argument.tensorMap, *address);
  if (!map.ok())
    return absl::Status(map.status().code(), absl::StrFormat("--arg=%s: %s", argument.text,
                                                             std::string(map.status().message())));
  if (!argument.mapByAddress)
    return parameterOf(bytesOf(*map));
  QVLRT_ASSIGN_OR_RETURN(const CUdeviceptr mapAddress, gpu.upload(bytesOf(*map)));
  // The copy reads the map before this function returns.
  QVLRT_RETURN_IF_ERROR(gpu.driver().cuStreamSynchronize(gpu.stream()));
  return parameterOf(bytesOf(mapAddress));
}

absl::Status launch(const Gpu &gpu, const LaunchFlags &flags, CUfunction function,
                    std::vector<ParameterBytes> &parameters) {
  constexpr std::uint32_t kSharedWithoutOptIn = 48 << 10;
  if (flags.sharedBytes > kSharedWithoutOptIn)
    QVLRT_RETURN_IF_ERROR(
        gpu.driver().cuFuncSetAttribute(function, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES,
                                        static_cast<int>(flags.sharedBytes)));
  CUlaunchAttribute cluster{};
  cluster.id = CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION;
  cluster.value.clusterDim = {flags.cluster[0], flags.cluster[1], flags.cluster[2]};
  const CUlaunchConfig config{.gridDimX = flags.grid[0],
                              .gridDimY = flags.grid[1],
                              .gridDimZ = flags.grid[2],
                              .blockDimX = flags.block[0],
                              .blockDimY = flags.block[1],
                              .blockDimZ = flags.block[2],
                              .sharedMemBytes = flags.sharedBytes,
                              .hStream = gpu.stream(),
                              .attrs = &cluster,
                              .numAttrs = flags.cluster[0] != 0 ? 1u : 0u};
  std::vector<void *> pointers;
  for (ParameterBytes &parameter : parameters)
    pointers.push_back(parameter.data());
  return gpu.driver().cuLaunchKernelEx(&config, function, pointers.data(), nullptr);
}

} // namespace

absl::StatusOr<std::optional<LaunchTimes>>
runKernel(Gpu &gpu, const LaunchFlags &flags, std::vector<Argument> &arguments, int timedRuns) {
  QVLRT_ASSIGN_OR_RETURN(const std::string text, qvlptxsim::readText(flags.file));
  LoadedModule module(gpu);
  QVLRT_RETURN_IF_ERROR(module.load(flags.file, text));
  QVLRT_ASSIGN_OR_RETURN(const CUfunction function, module.find(flags));
  std::vector<CUdeviceptr> addresses(arguments.size());
  std::vector<ParameterBytes> parameters;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    QVLRT_ASSIGN_OR_RETURN(ParameterBytes parameter, place(gpu, arguments[i], &addresses[i]));
    parameters.push_back(std::move(parameter));
  }
  QVLRT_RETURN_IF_ERROR(launch(gpu, flags, function, parameters));
  QVLRT_RETURN_IF_ERROR(gpu.driver().cuStreamSynchronize(gpu.stream()));
  for (std::size_t i = 0; i < arguments.size(); ++i)
    if (arguments[i].buffer)
      QVLRT_RETURN_IF_ERROR(gpu.download(arguments[i].buffer->bytes, addresses[i]));
  if (timedRuns == 0)
    return std::nullopt;
  return timeLaunches(gpu, timedRuns, [&] { return launch(gpu, flags, function, parameters); });
}

} // namespace qvlptxrun
