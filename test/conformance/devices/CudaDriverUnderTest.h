// The simulator's driver library, chosen by its path, and the kernels of the tests as PTX.
#pragma once

#include "qvlfmt/artifact_generated.h"
#include "qvlrt/cuda_device.h"

#include <cstdint>
#include <memory>
#include <string>

namespace qvlrt::test {

/// A device over the simulator. One that stays open keeps its configuration: the environment is
/// read when a device opens.
absl::StatusOr<std::unique_ptr<Device>> openSimulatedDevice();

/// A device over the driver that QVL_TEST_CUDA_DRIVER names, else over that of the system.
absl::StatusOr<std::unique_ptr<Device>> openRealDevice();

/// The test kernels in the form that a GPU loads.
std::unique_ptr<qvlfmt::TargetT> cudaKernels();

/// The same with code for sm_90a, in which launches of "affine" on kWideTiles rows or more, of
/// eight f32 each, run a wide form with a tensor map of its input.
std::unique_ptr<qvlfmt::TargetT> wideCudaKernels();
inline constexpr std::int64_t kWideTiles = 6;

/// The test artifact with the programs of its target "cpu" for the target "cuda" too.
qvlfmt::ArtifactT twoTargetArtifact();

/// The same, but the program "decode" of the target "cuda" chooses ids: that of a row is its own
/// token.
qvlfmt::ArtifactT choosingArtifact();

/// Calls of the driver since the last device was opened.
std::uint64_t simulatedCalls();
/// Of them, those of one entry point.
std::uint64_t simulatedCallsOf(const char *symbol);
/// Bytes that copies brought to the host since the last device was opened.
std::uint64_t simulatedBytesToHost();
/// Objects that were alive when their context died, in all the life of the process.
std::uint64_t simulatedLeaks();

/// Sets an environment variable for the length of a scope.
class ScopedVariable {
public:
  ScopedVariable(const char *name, const std::string &value);
  ~ScopedVariable();

private:
  const char *name;
};

} // namespace qvlrt::test
