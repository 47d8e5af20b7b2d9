// The device that runs kernels on an NVIDIA GPU through the CUDA driver.
#pragma once

#include "absl/status/statusor.h"
#include "qvlrt/device.h"

#include <memory>
#include <string>

namespace qvlrt {

struct CudaDeviceOptions {
  int ordinal = 0;
  /// Path of the driver library; empty takes the system's libcuda.so.1.
  std::string driver;
};

/// Opens a GPU. The driver is loaded here and not before, so that nothing of CUDA is needed
/// elsewhere.
///
/// A tile of a launch is one block of as many threads as the kernel declares (`.reqntid` or
/// `.maxntid`); its parameters are the buffers as 64-bit addresses, then the scalars as 64-bit
/// integers. The scratch of a kernel is dynamic shared memory of each block.
///
/// Errors: FailedPrecondition (no driver library, one too old, no such GPU, one that lacks what is
/// needed), ResourceExhausted, Unavailable (device lost).
absl::StatusOr<std::unique_ptr<Device>> createCudaDevice(const CudaDeviceOptions &options = {});

} // namespace qvlrt
