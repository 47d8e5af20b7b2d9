#include "qvlrt/cuda_device.h"

#include "CudaGraph.h"
#include "CudaKernels.h"
#include "CudaMemory.h"
#include "CudaTensorMap.h"
#include "Driver.h"
#include "PinnedStaging.h"
#include "lib/Runtime/Device/LaunchChecks.h"
#include "qvlrt/status.h"

#include "absl/strings/str_cat.h"

#include <climits>
#include <vector>

namespace qvlrt {

namespace {

/// A GPU with one stream of work. Every call makes its context current first, so that a device may
/// move between threads.
class CudaDevice final : public Device {
public:
  CudaDevice(std::unique_ptr<Driver> driver, int ordinal)
      : driver(std::move(driver)), ordinal(ordinal) {}
  ~CudaDevice() override;
  absl::Status open();

  std::string_view name() const override { return "cuda"; }
  std::string description() const override {
    return absl::StrCat("cuda:", ordinal, " (", gpuName, ", sm_", capability.number(), ", ",
                        totalMemory >> 20, " MiB, driver ", driver->version() / 1000, ".",
                        driver->version() % 1000 / 10, ")");
  }
  DeviceLimits limits() const override {
    return {.runsKernels = true,
            .hostAddressable = false,
            .simulated = driver->isSimulator(),
            .maxAllocation = totalMemory,
            .workers = multiprocessors,
            .recordsWork = true};
  }
  DeviceMemoryReport memory() const override;

  absl::StatusOr<DeviceRange> allocate(std::uint64_t bytes) override;
  void free(DeviceRange range) override;
  absl::StatusOr<DeviceRange> reserve(std::uint64_t bytes) override;
  absl::Status commit(DeviceRange reservation, std::uint64_t offset, std::uint64_t bytes) override;
  void release(DeviceRange reservation, std::uint64_t committed) override;
  absl::StatusOr<DeviceRange> useHostBytes(std::span<const std::byte> bytes) override;
  void dropHostBytes(DeviceRange range) override { free(range); }

  absl::Status copyToDevice(DeviceRange to, std::span<const std::byte> from) override;
  absl::Status copyToHost(std::span<std::byte> to, DeviceRange from) override;
  absl::Status copy(DeviceRange to, DeviceRange from) override;
  absl::Status fill(DeviceRange range, std::uint8_t value) override;

  bool runs(const qvlfmt::Target &target) const override { return runsKernels(target, capability); }
  absl::StatusOr<std::unique_ptr<LoadedKernels>> loadKernels(const qvlfmt::Target &target,
                                                             std::string_view artifact) override;
  absl::Status launch(const LoadedKernels &kernels, const Launch &launch) override;
  absl::Status synchronize() override;

  absl::Status beginRecording() override;
  absl::StatusOr<std::unique_ptr<RecordedWork>> endRecording() override;
  absl::Status replay(const RecordedWork &work) override;

private:
  absl::Status findDevice();
  absl::Status readAttributes();
  /// The tensor maps of a launch of a wide form.
  absl::StatusOr<std::vector<CUtensorMap>> encodeMaps(const qvlfmt::WideForm &form,
                                                      const Launch &launch) const;
  absl::Status makeCurrent() const { return driver->cuCtxSetCurrent(context); }
  /// Fills memory, in stream order.
  absl::Status enqueueFill(std::uintptr_t address, std::uint64_t bytes, std::uint8_t value) {
    return bytes == 0 ? absl::OkStatus() : driver->cuMemsetD8Async(address, value, bytes, stream);
  }

  std::unique_ptr<Driver> driver;
  const int ordinal;
  CUdevice device = 0;
  CUcontext context = nullptr;        // one retain of the primary context
  CUstream stream = nullptr;          // owned
  std::unique_ptr<CudaMemory> ranges; // never null in an open device, nor is the next
  std::unique_ptr<PinnedStaging> staging;
  std::string gpuName;
  ComputeCapability capability;
  std::uint64_t totalMemory = 0;
  int multiprocessors = 1;
};

CudaDevice::~CudaDevice() {
  if (!context)
    return;
  makeCurrent().IgnoreError();
  staging.reset();
  if (stream)
    driver->cuStreamDestroy_v2(stream).IgnoreError();
  driver->cuDevicePrimaryCtxRelease_v2(device).IgnoreError();
}

absl::Status CudaDevice::findDevice() {
  int count = 0;
  QVLRT_RETURN_IF_ERROR(driver->cuDeviceGetCount(&count));
  if (ordinal < 0 || ordinal >= count)
    return absl::FailedPreconditionError(absl::StrCat("there is no GPU ", ordinal,
                                                      ", the CUDA driver finds ", count,
                                                      "; choose another --device"));
  return driver->cuDeviceGet(&device, ordinal);
}

absl::Status CudaDevice::readAttributes() {
  char name[256] = "";
  QVLRT_RETURN_IF_ERROR(driver->cuDeviceGetName(name, sizeof(name), device));
  gpuName = name;
  std::size_t bytes = 0;
  QVLRT_RETURN_IF_ERROR(driver->cuDeviceTotalMem_v2(&bytes, device));
  totalMemory = bytes;
  int virtualMemory = 0;
  const std::pair<CUdevice_attribute, int *> wanted[] = {
      {CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR, &capability.major},
      {CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR, &capability.minor},
      {CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN, &capability.maxShared},
      {CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT, &multiprocessors},
      {CU_DEVICE_ATTRIBUTE_VIRTUAL_MEMORY_MANAGEMENT_SUPPORTED, &virtualMemory}};
  for (const auto &[attribute, value] : wanted)
    QVLRT_RETURN_IF_ERROR(driver->cuDeviceGetAttribute(value, attribute, device));
  if (!virtualMemory)
    return absl::FailedPreconditionError(absl::StrCat(
        "GPU ", ordinal, " (", gpuName, ") has no virtual memory management; use --device=cpu"));
  return absl::OkStatus();
}

absl::Status CudaDevice::open() {
  QVLRT_RETURN_IF_ERROR(findDevice());
  QVLRT_RETURN_IF_ERROR(readAttributes());
  CUcontext retained = nullptr;
  QVLRT_RETURN_IF_ERROR(driver->cuDevicePrimaryCtxRetain(&retained, device));
  context = retained;
  QVLRT_RETURN_IF_ERROR(makeCurrent());
  ranges = std::make_unique<CudaMemory>(*driver, device);
  staging = std::make_unique<PinnedStaging>(*driver);
  return driver->cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING);
}

DeviceMemoryReport CudaDevice::memory() const {
  makeCurrent().IgnoreError();
  return ranges->report();
}

absl::StatusOr<DeviceRange> CudaDevice::allocate(std::uint64_t bytes) {
  QVLRT_RETURN_IF_ERROR(makeCurrent());
  return ranges->allocate(bytes);
}

void CudaDevice::free(DeviceRange range) {
  makeCurrent().IgnoreError(); // without a context nothing can be freed, and nothing is left
  ranges->free(range);
}

absl::StatusOr<DeviceRange> CudaDevice::reserve(std::uint64_t bytes) {
  QVLRT_RETURN_IF_ERROR(makeCurrent());
  return ranges->reserve(bytes);
}

absl::Status CudaDevice::commit(DeviceRange reservation, std::uint64_t offset,
                                std::uint64_t bytes) {
  QVLRT_RETURN_IF_ERROR(makeCurrent());
  QVLRT_RETURN_IF_ERROR(ranges->commit(reservation, offset, bytes));
  return enqueueFill(reservation.address + offset, bytes, 0);
}

void CudaDevice::release(DeviceRange reservation, std::uint64_t committed) {
  makeCurrent().IgnoreError();
  // Unmapping does not wait for the work of streams everywhere.
  driver->cuStreamSynchronize(stream).IgnoreError();
  ranges->release(reservation, committed);
}

absl::StatusOr<DeviceRange> CudaDevice::useHostBytes(std::span<const std::byte> bytes) {
  QVLRT_ASSIGN_OR_RETURN(DeviceRange range, allocate(bytes.size()));
  if (absl::Status status = copyToDevice(range, bytes); !status.ok()) {
    free(range);
    return status;
  }
  return range;
}

absl::Status CudaDevice::copyToDevice(DeviceRange to, std::span<const std::byte> from) {
  QVLRT_RETURN_IF_ERROR(checkCopy(to.bytes, from.size()));
  if (from.empty())
    return absl::OkStatus();
  QVLRT_RETURN_IF_ERROR(makeCurrent());
  // Of little memory that is not pinned the driver has read everything when the call returns.
  constexpr std::size_t kStagedByDriver = 64 << 10;
  if (from.size() > kStagedByDriver)
    return staging->copy(to, from, stream);
  return driver->cuMemcpyHtoDAsync_v2(to.address, from.data(), from.size(), stream);
}

absl::Status CudaDevice::copyToHost(std::span<std::byte> to, DeviceRange from) {
  QVLRT_RETURN_IF_ERROR(checkCopy(to.size(), from.bytes));
  if (to.empty())
    return synchronize();
  QVLRT_RETURN_IF_ERROR(makeCurrent());
  QVLRT_RETURN_IF_ERROR(driver->cuMemcpyDtoHAsync_v2(to.data(), from.address, from.bytes, stream));
  return driver->cuStreamSynchronize(stream);
}

absl::Status CudaDevice::copy(DeviceRange to, DeviceRange from) {
  QVLRT_RETURN_IF_ERROR(checkCopy(to.bytes, from.bytes));
  if (to.bytes == 0)
    return absl::OkStatus();
  QVLRT_RETURN_IF_ERROR(makeCurrent());
  return driver->cuMemcpyDtoDAsync_v2(to.address, from.address, to.bytes, stream);
}

absl::Status CudaDevice::fill(DeviceRange range, std::uint8_t value) {
  QVLRT_RETURN_IF_ERROR(makeCurrent());
  return enqueueFill(range.address, range.bytes, value);
}

absl::StatusOr<std::unique_ptr<LoadedKernels>> CudaDevice::loadKernels(const qvlfmt::Target &target,
                                                                       std::string_view artifact) {
  QVLRT_RETURN_IF_ERROR(makeCurrent());
  return CudaKernels::load(*driver, capability, context, target, artifact);
}

absl::StatusOr<std::vector<CUtensorMap>> CudaDevice::encodeMaps(const qvlfmt::WideForm &form,
                                                                const Launch &launch) const {
  std::vector<CUtensorMap> maps;
  if (!form.maps())
    return maps;
  for (const qvlfmt::TensorMap *map : *form.maps()) {
    absl::StatusOr<CUtensorMap> encoded = encodeMap(*driver, *map, launch);
    if (!encoded.ok())
      return absl::Status(encoded.status().code(),
                          absl::StrCat(form.symbol()->c_str(), ": ", encoded.status().message()));
    maps.push_back(*encoded);
  }
  return maps;
}

absl::Status CudaDevice::launch(const LoadedKernels &loaded, const Launch &launch) {
  const auto &kernels = static_cast<const CudaKernels &>(loaded);
  QVLRT_RETURN_IF_ERROR(checkLaunch(kernels.target(), launch));
  const char *kernel = kernels.target().kernels()->Get(launch.kernel)->name()->c_str();
  if (launch.grid > INT_MAX)
    return absl::InvalidArgumentError(
        absl::StrCat(kernel, ": a grid of ", launch.grid, " tiles, a GPU takes ", INT_MAX));
  if (launch.grid == 0)
    return absl::OkStatus(); // which the driver would refuse
  QVLRT_RETURN_IF_ERROR(makeCurrent());
  // The driver copies what the pointers point at; it only lacks the const.
  std::vector<void *> parameters;
  for (void *const &buffer : launch.buffers)
    parameters.push_back(const_cast<void **>(&buffer));
  for (const std::int64_t &scalar : launch.scalars)
    parameters.push_back(const_cast<std::int64_t *>(&scalar));
  const CudaKernels::Entry &entry = kernels.entry(launch.kernel);
  const bool isWide = entry.isWide(launch.grid);
  std::vector<CUtensorMap> maps;
  if (isWide) {
    QVLRT_ASSIGN_OR_RETURN(maps, encodeMaps(*entry.wideForm, launch));
  }
  for (CUtensorMap &map : maps)
    parameters.push_back(&map);
  const CudaKernels::Function &function = isWide ? entry.wide : entry.narrow;
  CUlaunchConfig config{};
  config.gridDimX = static_cast<unsigned>(launch.grid);
  config.gridDimY = config.gridDimZ = 1;
  config.blockDimX = function.threads;
  config.blockDimY = config.blockDimZ = 1;
  config.sharedMemBytes = function.sharedBytes;
  config.hStream = stream;
  absl::Status status =
      driver->cuLaunchKernelEx(&config, function.function, parameters.data(), nullptr);
  return status.ok() ? status
                     : absl::Status(status.code(), absl::StrCat(kernel, ": ", status.message()));
}

absl::Status CudaDevice::synchronize() {
  QVLRT_RETURN_IF_ERROR(makeCurrent());
  return driver->cuStreamSynchronize(stream);
}

absl::Status CudaDevice::beginRecording() {
  QVLRT_RETURN_IF_ERROR(makeCurrent());
  return CudaGraph::beginCapture(*driver, stream);
}

absl::StatusOr<std::unique_ptr<RecordedWork>> CudaDevice::endRecording() {
  QVLRT_RETURN_IF_ERROR(makeCurrent());
  return CudaGraph::endCapture(*driver, context, stream);
}

absl::Status CudaDevice::replay(const RecordedWork &work) {
  QVLRT_RETURN_IF_ERROR(makeCurrent());
  return static_cast<const CudaGraph &>(work).launch(stream);
}

} // namespace

absl::StatusOr<std::unique_ptr<Device>> createCudaDevice(const CudaDeviceOptions &options) {
  QVLRT_ASSIGN_OR_RETURN(std::unique_ptr<Driver> driver, Driver::load(options.driver));
  auto device = std::make_unique<CudaDevice>(std::move(driver), options.ordinal);
  QVLRT_RETURN_IF_ERROR(device->open());
  return device;
}

} // namespace qvlrt
