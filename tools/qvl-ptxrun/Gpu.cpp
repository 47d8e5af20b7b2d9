#include "Gpu.h"

#include "absl/strings/str_format.h"
#include "qvlrt/status.h"

#include <algorithm>
#include <array>
#include <dlfcn.h>

namespace qvlptxrun {

absl::StatusOr<std::unique_ptr<Gpu>> Gpu::open(const std::string &path) {
  std::unique_ptr<Gpu> gpu(new Gpu);
  QVLRT_ASSIGN_OR_RETURN(gpu->driver_, qvlrt::Driver::load(path));
  gpu->library_ = dlopen(path.empty() ? "libcuda.so.1" : path.c_str(), RTLD_NOW | RTLD_NOLOAD);
  QVLRT_RETURN_IF_ERROR(gpu->start());
  return gpu;
}

absl::Status Gpu::start() {
  int count = 0, major = 0, minor = 0;
  QVLRT_RETURN_IF_ERROR(driver_->cuDeviceGetCount(&count));
  if (count == 0)
    return absl::FailedPreconditionError("the CUDA driver finds no GPU");
  QVLRT_RETURN_IF_ERROR(driver_->cuDeviceGet(&device_, 0));
  std::array<char, 256> name{};
  QVLRT_RETURN_IF_ERROR(driver_->cuDeviceGetName(name.data(), name.size() - 1, device_));
  name_ = name.data();
  QVLRT_RETURN_IF_ERROR(
      driver_->cuDeviceGetAttribute(&major, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR, device_));
  QVLRT_RETURN_IF_ERROR(
      driver_->cuDeviceGetAttribute(&minor, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR, device_));
  capability_ = 10 * major + minor;
  CUcontext retained = nullptr;
  QVLRT_RETURN_IF_ERROR(driver_->cuDevicePrimaryCtxRetain(&retained, device_));
  context_ = retained;
  QVLRT_RETURN_IF_ERROR(driver_->cuCtxSetCurrent(context_));
  return driver_->cuStreamCreate(&stream_, CU_STREAM_NON_BLOCKING);
}

Gpu::~Gpu() {
  // After a fault of a kernel these fail too: there is nothing left to release then.
  for (const CUdeviceptr address : allocations_)
    driver_->cuMemFree_v2(address).IgnoreError();
  if (stream_)
    driver_->cuStreamDestroy_v2(stream_).IgnoreError();
  if (context_)
    driver_->cuDevicePrimaryCtxRelease_v2(device_).IgnoreError();
  if (library_)
    dlclose(library_);
}

std::string Gpu::description() const {
  return absl::StrFormat("%s, sm_%d, driver %d.%d", name_, capability_, driver_->version() / 1000,
                         driver_->version() % 1000 / 10);
}

absl::StatusOr<int> Gpu::attribute(CUdevice_attribute attribute) const {
  int value = 0;
  QVLRT_RETURN_IF_ERROR(driver_->cuDeviceGetAttribute(&value, attribute, device_));
  return value;
}

absl::StatusOr<CUdeviceptr> Gpu::upload(std::span<const std::uint8_t> bytes) {
  CUdeviceptr address = 0;
  QVLRT_RETURN_IF_ERROR(driver_->cuMemAlloc_v2(&address, std::max<std::size_t>(bytes.size(), 1)));
  allocations_.push_back(address);
  if (!bytes.empty())
    QVLRT_RETURN_IF_ERROR(
        driver_->cuMemcpyHtoDAsync_v2(address, bytes.data(), bytes.size(), stream_));
  return address;
}

absl::Status Gpu::download(std::span<std::uint8_t> bytes, CUdeviceptr from) const {
  if (!bytes.empty())
    QVLRT_RETURN_IF_ERROR(driver_->cuMemcpyDtoHAsync_v2(bytes.data(), from, bytes.size(), stream_));
  return driver_->cuStreamSynchronize(stream_);
}

void *Gpu::function(const char *symbol) const {
  return library_ ? dlsym(library_, symbol) : nullptr;
}

} // namespace qvlptxrun
