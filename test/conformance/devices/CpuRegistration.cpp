#include "DeviceRegistry.h"
#include "qvlrt/cpu_device.h"
#include "test/unit/runtime/TestArtifacts.h"

namespace qvlrt::test {

static std::unique_ptr<qvlfmt::TargetT> cpuKernels() {
  return std::move(emptyArtifact().targets[0]);
}

static DeviceCase cpuWith(int threads) {
  return {.name = "cpu" + std::to_string(threads),
          .create =
              [threads] { return createCpuDevice({.threads = threads, .features = std::nullopt}); },
          .kernels = cpuKernels,
          .runsKernels = true};
}

static DeviceRegistration oneThread(cpuWith(1));
static DeviceRegistration twoThreads(cpuWith(2));
static DeviceRegistration unevenThreads(cpuWith(7));

} // namespace qvlrt::test
