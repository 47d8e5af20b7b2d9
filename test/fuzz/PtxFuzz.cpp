// PTX text, as the simulator and its driver library take it from a program. Kernels of what is
// accepted run, for a few instructions: whatever they do ends in a result or in a fault.
#include "PtxMutator.h"

#include "qvlsim/Launch.h"
#include "qvlsim/Module.h"
#include "qvlsim/TensorMap.h"

#include <algorithm>
#include <cstring>

using namespace qvlsim;

namespace {

constexpr std::uint64_t kMemoryBytes = 64 << 20;
constexpr std::uint64_t kBufferBytes = 16384;
constexpr std::uint32_t kMostThreads = 512; // of a cluster that is run
constexpr std::uint32_t kWarpgroup = 128;   // threads of a block that declares no number
constexpr std::uint64_t kInstructions = 4096;

/// A map of the buffer as 64 rows of 64 f32, moved in boxes of 8 x 8.
void placeMap(std::span<std::byte> parameter, std::uint64_t address) {
  TensorMapArguments map;
  map.dataType = 7; // f32
  map.rank = 2;
  map.globalAddress = address;
  map.dims = {64, 64};
  map.strides = {256};
  map.box = {8, 8};
  map.elementStrides = {1, 1};
  std::array<std::byte, kTensorMapBytes> bytes;
  if (encodeTensorMap(map, bytes).ok())
    std::ranges::copy(bytes, parameter.begin());
}

/// Pointers for 64-bit parameters, small counts for others.
std::vector<std::byte> parametersOf(const KernelInfo &kernel, std::uint64_t address) {
  std::vector<std::byte> bytes(kernel.parameterBytes);
  for (const ParameterInfo &parameter : kernel.parameters) {
    const std::uint64_t value = parameter.size == 8 ? address : 8;
    const std::span<std::byte> place = std::span(bytes).subspan(parameter.offset, parameter.size);
    if (parameter.size >= kTensorMapBytes)
      placeMap(place, address);
    else
      std::memcpy(place.data(), &value, std::min<std::size_t>(place.size(), sizeof value));
  }
  return bytes;
}

Dim3 blockOf(const KernelInfo &kernel) {
  if (kernel.requiredBlock.volume() != 0)
    return kernel.requiredBlock;
  const std::uint64_t most = kernel.maxThreads.volume();
  return {most == 0 ? kWarpgroup : std::min(kWarpgroup, static_cast<std::uint32_t>(most)), 1, 1};
}

/// Runs one cluster.
void run(const ModuleInstance &instance, const KernelInfo &kernel, DeviceMemory &memory,
         AsyncMode async) {
  LaunchOptions options;
  options.block = blockOf(kernel);
  options.grid = kernel.requiredCluster.volume() != 0 ? kernel.requiredCluster : Dim3{1, 1, 1};
  if (options.block.volume() * options.grid.volume() > kMostThreads)
    return;
  options.dynamicSharedBytes = 4096;
  options.async = async;
  options.races = async == AsyncMode::Late;
  options.count = async == AsyncMode::Late;
  options.threads = 1;
  options.instructionLimit = kInstructions;
  const absl::StatusOr<std::uint64_t> buffer = memory.allocate(kBufferBytes);
  if (!buffer.ok() || !memory.fill(*buffer, std::byte{1}, kBufferBytes).ok())
    return;
  const LaunchResult result =
      launch(instance, kernel.name, parametersOf(kernel, *buffer), memory, options);
  if (result.fault)
    (void)result.fault->toString();
  (void)memory.free(*buffer);
}

} // namespace

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t *data, std::size_t size, std::size_t room);

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t *data, std::size_t size,
                                               std::size_t room, unsigned seed) {
  if (seed % 4 == 0)
    return LLVMFuzzerMutate(data, size, room);
  qvlsim::test::PtxMutator mutator(seed);
  std::string text(reinterpret_cast<const char *>(data), size);
  for (unsigned changes = 1 + seed / 4 % 3; changes > 0; --changes)
    text = mutator.change(text);
  const std::size_t kept = std::min(text.size(), room);
  std::memcpy(data, text.data(), kept);
  return kept;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char *>(data), size);
  const absl::StatusOr<std::shared_ptr<const Module>> module = Module::parse(text, "fuzz.ptx");
  if (!module.ok())
    return 0;
  DeviceMemory memory(kMemoryBytes);
  const absl::StatusOr<std::unique_ptr<ModuleInstance>> instance =
      ModuleInstance::create(*module, memory);
  if (!instance.ok())
    return 0;
  constexpr std::size_t kMostKernels = 2;
  const std::span<const KernelInfo> kernels = (*module)->kernels();
  for (const KernelInfo &kernel : kernels.first(std::min(kernels.size(), kMostKernels)))
    for (const AsyncMode async : {AsyncMode::Late, AsyncMode::Early})
      run(**instance, kernel, memory, async);
  return 0;
}
