// Which device a run takes.
#pragma once

#include "absl/status/statusor.h"
#include "qvlrt/device.h"
#include "qvlrt/module.h"

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

/// Opens the device. Auto takes a GPU that runs the target "cuda" of the module; it never takes a
/// simulated one and never fails because of a GPU. Errors: those of createCpuDevice and
/// createCudaDevice.
absl::StatusOr<std::unique_ptr<Device>> createDevice(const DeviceSelection &selection,
                                                     const Module &module);

/// Name of the target that a run with this selection would take: that of the device, or the
/// module's first where Auto finds no device for it. Opens a device for Auto only. Errors: those of
/// createDevice and Module::target.
absl::StatusOr<std::string> chosenTarget(const DeviceSelection &selection, const Module &module);

} // namespace qvlrt
