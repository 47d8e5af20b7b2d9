#include "DeviceRegistry.h"
#include "qvlrt/null_device.h"
#include "test/unit/runtime/TestArtifacts.h"

namespace qvlrt::test {

static DeviceRegistration
    null({.name = "null",
          .create = []() -> absl::StatusOr<std::unique_ptr<Device>> { return createNullDevice(); },
          .kernels = [] { return std::move(emptyArtifact().targets[0]); },
          .runsKernels = false});

} // namespace qvlrt::test
