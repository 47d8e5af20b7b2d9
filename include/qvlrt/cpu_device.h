// The device that runs x86-64 kernels on a pool of threads.
#pragma once

#include "absl/status/statusor.h"
#include "qvlrt/device.h"

#include <memory>
#include <optional>
#include <string>

namespace qvlrt {

struct CpuDeviceOptions {
  /// Threads that compute, the calling one included; 0 takes the CPUs this process may use.
  int threads = 0;
  /// Comma separated feature sets to use instead of those CPUID reports ("v3"), for tests and bug
  /// reports. Without it the environment variable QVL_CPU_FEATURES is asked. A set that the machine
  /// lacks is refused.
  std::optional<std::string> features;
};

/// Errors: InvalidArgument (thread count, feature override), ResourceExhausted (threads).
absl::StatusOr<std::unique_ptr<Device>> createCpuDevice(const CpuDeviceOptions &options = {});

} // namespace qvlrt
