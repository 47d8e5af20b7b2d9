// Which device a run takes.
#pragma once

#include "absl/status/statusor.h"
#include "qvlrt/device.h"

#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace qvlrt {

enum class DeviceKind {
  Auto, // a GPU where there is one and the artifact has code for it, else the CPU
  Cpu,
  Cuda,
};

struct DeviceSelection {
  DeviceKind kind = DeviceKind::Auto;
  int ordinal = 0;        // of a GPU
  std::string cudaDriver; // path of the driver library; empty: the system's
  int threads = 0;        // of the CPU device; 0 takes the CPUs this process may use
};

/// Reads "auto", "cpu", "cuda" or "cuda:N" into kind and ordinal; nothing for other text.
std::optional<DeviceSelection> parseDevice(std::string_view text);

/// Opens the device. `hasCudaCode`: whether the artifact can run on a GPU, which decides for Auto.
/// Auto never takes a simulated GPU and never fails because of a GPU. Errors: those of
/// createCpuDevice and createCudaDevice.
absl::StatusOr<std::unique_ptr<Device>> createDevice(const DeviceSelection &selection,
                                                     bool hasCudaCode);

} // namespace qvlrt
