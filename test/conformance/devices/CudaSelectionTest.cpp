// --device=auto, and which target of an artifact a device takes.
#include "CudaDriverUnderTest.h"
#include "test/unit/runtime/StatusMatchers.h"
#include "test/unit/runtime/TestArtifacts.h"

#include "qvlrt/device_selection.h"
#include "qvlrt/executor.h"

#include <algorithm>
#include <gtest/gtest.h>
#include <iterator>

namespace qvlrt::test {
namespace {

std::string chosen(const Module &module, const char *driver) {
  const DeviceSelection selection{
      .kind = DeviceKind::Auto, .ordinal = 0, .cudaDriver = driver, .threads = 1};
  absl::StatusOr<std::unique_ptr<Device>> device = createDevice(selection, module);
  if (!device.ok())
    return device.status().ToString();
  // A plan names the target that a run would take.
  EXPECT_EQ(*chosenTarget(selection, module), (*device)->name());
  return std::string((*device)->name());
}

TEST(CudaSelection, AutoTakesAGpuThatRunsTheArtifact) {
  std::unique_ptr<Module> module = openArtifact(twoTargetArtifact());
  EXPECT_EQ(chosen(*module, QVL_UNMARKED_CUDA_DRIVER), "cuda");
}

TEST(CudaSelection, AutoTakesTheCpuElsewhere) {
  std::unique_ptr<Module> both = openArtifact(twoTargetArtifact());
  EXPECT_EQ(chosen(*both, QVL_SIMULATED_CUDA_DRIVER), "cpu") << "a simulator is no GPU";
  EXPECT_EQ(chosen(*both, "/no/such/libcuda.so.1"), "cpu");
  std::unique_ptr<Module> cpuOnly = openArtifact(testArtifact());
  EXPECT_EQ(chosen(*cpuOnly, QVL_UNMARKED_CUDA_DRIVER), "cpu");
  qvlfmt::ArtifactT newer = twoTargetArtifact();
  newer.targets[1]->objects[0]->feature_set = "sm_100";
  EXPECT_EQ(chosen(*openArtifact(std::move(newer)), QVL_UNMARKED_CUDA_DRIVER), "cpu");
}

/// The GPU of the tests is of sm_90.
TEST(CudaSelection, MachineCodeRunsOnItsOwnGpuOnly) {
  const auto chosenWith = [](const char *featureSet) {
    qvlfmt::ArtifactT artifact = twoTargetArtifact();
    std::vector<std::uint8_t> &bytes = artifact.targets[1]->objects[0]->bytes;
    bytes.assign(64, 0); // the header of an ELF file without sections
    constexpr std::uint8_t kStart[] = {0x7f, 'E', 'L', 'F', 2, 1, 1};
    std::copy(std::begin(kStart), std::end(kStart), bytes.begin());
    bytes[18] = 190; // the machine
    artifact.targets[1]->objects[0]->feature_set = featureSet;
    return chosen(*openArtifact(std::move(artifact)), QVL_UNMARKED_CUDA_DRIVER);
  };
  EXPECT_EQ(chosenWith("sm_90"), "cuda");
  EXPECT_EQ(chosenWith("sm_90a"), "cuda");
  EXPECT_EQ(chosenWith("sm_80"), "cpu") << "as text it would run";
  EXPECT_EQ(chosenWith("sm_100"), "cpu");
}

TEST(CudaSelection, ADriverThatFailsIsNoGpu) {
  ScopedVariable failing("QVL_PTXSIM_FAIL", "3:2");
  EXPECT_EQ(chosen(*openArtifact(twoTargetArtifact()), QVL_UNMARKED_CUDA_DRIVER), "cpu");
}

TEST(CudaSelection, APlanOfAnAbsentTargetIsRefused) {
  std::unique_ptr<Module> module = openArtifact(testArtifact());
  const DeviceSelection selection{
      .kind = DeviceKind::Cuda, .ordinal = 0, .cudaDriver = "", .threads = 1};
  EXPECT_THAT(chosenTarget(selection, *module).status(),
              FailsWith(absl::StatusCode::kNotFound, "compile with --target=cpu,cuda:sm_80"));
}

TEST(CudaSelection, EachDeviceTakesItsTarget) {
  std::unique_ptr<Module> module = openArtifact(twoTargetArtifact());
  std::unique_ptr<Device> device = *openSimulatedDevice();
  absl::StatusOr<std::unique_ptr<Executor>> executor = Executor::create(*module, *device);
  ASSERT_OK(executor.status());
  EXPECT_EQ((*executor)->target().name()->str(), "cuda");
}

TEST(CudaSelection, ADriverTooOldForTheTextIsNamed) {
  std::unique_ptr<Module> module = openArtifact(twoTargetArtifact());
  std::unique_ptr<Device> device = *openSimulatedDevice();
  // The next calls of the driver are cuCtxSetCurrent and the load.
  const std::string load = std::to_string(simulatedCalls() + 2) + ":222";
  device.reset();
  ScopedVariable failing("QVL_PTXSIM_FAIL", load);
  device = *openSimulatedDevice();
  EXPECT_THAT(
      Executor::create(*module, *device).status(),
      FailsWith(absl::StatusCode::kFailedPrecondition, "CUDA_ERROR_UNSUPPORTED_PTX_VERSION (222)"));
}

} // namespace
} // namespace qvlrt::test
