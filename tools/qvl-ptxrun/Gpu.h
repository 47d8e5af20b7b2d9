// A GPU behind the CUDA driver.
#pragma once

#include "lib/Runtime/Device/Cuda/Driver.h"

#include <cstdint>
#include <span>

namespace qvlptxrun {

using namespace qvlcuda;

/// The first GPU of a driver library, with its primary context current and a stream. Memory that it
/// gives is freed when it dies.
class Gpu {
public:
  /// `path` as of qvlrt::Driver::load. Errors: those of the driver; FailedPrecondition without one.
  static absl::StatusOr<std::unique_ptr<Gpu>> open(const std::string &path);
  ~Gpu();
  Gpu(const Gpu &) = delete;
  Gpu &operator=(const Gpu &) = delete;

  const qvlrt::Driver &driver() const { return *driver_; }
  CUcontext context() const { return context_; }
  CUstream stream() const { return stream_; }
  /// 10 * major + minor.
  int capability() const { return capability_; }
  /// "NAME, sm_90, driver 13.0".
  std::string description() const;

  /// A copy in device memory, aligned to 256 bytes. Errors: those of the driver.
  absl::StatusOr<CUdeviceptr> upload(std::span<const std::uint8_t> bytes);
  absl::Status download(std::span<std::uint8_t> bytes, CUdeviceptr from) const;

  /// An attribute of the device. Errors: those of the driver.
  absl::StatusOr<int> attribute(CUdevice_attribute attribute) const;

  /// The driver's function of that name that qvlrt::Driver does not look up; null when it has none.
  void *function(const char *symbol) const;

private:
  Gpu() = default;
  absl::Status start();

  std::unique_ptr<qvlrt::Driver> driver_;
  void *library_ = nullptr; // another reference to what driver_ has opened
  CUdevice device_ = 0;
  CUcontext context_ = nullptr;
  CUstream stream_ = nullptr;
  std::vector<CUdeviceptr> allocations_;
  std::string name_;
  int capability_ = 0;
};

} // namespace qvlptxrun
