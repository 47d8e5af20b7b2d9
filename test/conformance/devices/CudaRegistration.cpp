#include "CudaDriverUnderTest.h"
#include "DeviceRegistry.h"

namespace qvlrt::test {

static DeviceRegistration simulated({.name = "cudaSimulated",
                                     .create = openSimulatedDevice,
                                     .kernels = cudaKernels,
                                     .runsKernels = true});

/// A GPU takes part where there is one.
static DeviceRegistration
    real({.name = "cuda", .create = openRealDevice, .kernels = cudaKernels, .runsKernels = true});

} // namespace qvlrt::test
