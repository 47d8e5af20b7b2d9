// Failures of the driver at every call, each in turn.
#include "CudaDriverUnderTest.h"
#include "test/unit/runtime/StatusMatchers.h"
#include "test/unit/runtime/TestArtifacts.h"

#include "absl/strings/str_cat.h"
#include "qvlrt/exit_code.h"
#include "qvlrt/status.h"

#include <array>
#include <gtest/gtest.h>

namespace qvlrt::test {
namespace {

/// Everything that the runtime does with a device, once. What it opened is closed when it returns;
/// `calls` gets the number of driver calls until then.
absl::Status scenario(std::uint64_t &calls) {
  QVLRT_ASSIGN_OR_RETURN(std::unique_ptr<Device> device, openSimulatedDevice());
  flatbuffers::FlatBufferBuilder bytes;
  bytes.Finish(qvlfmt::Target::Pack(bytes, wideCudaKernels().get()));
  QVLRT_ASSIGN_OR_RETURN(
      std::unique_ptr<LoadedKernels> kernels,
      device->loadKernels(*flatbuffers::GetRoot<qvlfmt::Target>(bytes.GetBufferPointer()),
                          "test.qvl"));
  struct Held { // given back in any case
    Device &device;
    DeviceRange weight, reservation;
    std::uint64_t committed = 0;
    ~Held() {
      if (weight.address != 0)
        device.dropHostBytes(weight);
      if (reservation.address != 0)
        device.release(reservation, committed);
    }
  } held{*device, {}, {}};
  std::array<std::byte, 256> zeros{};
  QVLRT_ASSIGN_OR_RETURN(held.weight, device->useHostBytes(zeros));
  QVLRT_ASSIGN_OR_RETURN(held.reservation, device->reserve(std::uint64_t{8} << 20));
  for (std::uint64_t offset : {std::uint64_t{0}, std::uint64_t{4096}, std::uint64_t{4} << 20}) {
    QVLRT_RETURN_IF_ERROR(device->commit(held.reservation, offset, 4096));
    held.committed += 4096;
  }
  QVLRT_ASSIGN_OR_RETURN(DeviceBuffer counts, DeviceBuffer::copyOf(*device, zeros));
  QVLRT_RETURN_IF_ERROR(device->fill(counts.range(), 0));
  QVLRT_RETURN_IF_ERROR(device->copy(counts.range(), held.weight));
  void *const buffers[] = {counts.range().pointer()};
  QVLRT_RETURN_IF_ERROR(device->launch(*kernels, {kCountTiles, 64, buffers, {}}));
  QVLRT_RETURN_IF_ERROR(device->synchronize());
  QVLRT_ASSIGN_OR_RETURN(DeviceBuffer rows, DeviceBuffer::copyOf(*device, zeros));
  void *const wideBuffers[] = {held.weight.pointer(), rows.range().pointer()};
  constexpr std::int64_t kRows = 8, kWideScalars[] = {kRows, 8, kRows, 8};
  static_assert(kRows >= kWideTiles);
  QVLRT_RETURN_IF_ERROR(device->launch(*kernels, {kAffine, kRows, wideBuffers, kWideScalars}));
  QVLRT_RETURN_IF_ERROR(device->synchronize());
  std::array<std::int32_t, 64> found{};
  QVLRT_RETURN_IF_ERROR(
      device->copyToHost(std::as_writable_bytes(std::span(found)), counts.range()));
  calls = simulatedCalls();
  for (std::int32_t count : found)
    if (count != 1)
      return absl::DataLossError("a tile did not run once");
  return absl::OkStatus();
}

struct InjectedError {
  int number;
  const char *name;
  int exitCode; // 0: it depends on the call
};

/// Fails call 1, 2, ... of the scenario, until one lies behind its end.
void failEveryCall(const InjectedError &error) {
  std::uint64_t calls = 0, ignored = 0;
  ASSERT_OK(scenario(calls));
  ASSERT_GT(calls, 20u);
  const std::uint64_t total = simulatedCalls(), leaks = simulatedLeaks();
  ASSERT_EQ(leaks, 0u);
  for (std::uint64_t call = 1; call <= total + 1; ++call) {
    ScopedVariable failing("QVL_PTXSIM_FAIL", absl::StrCat(call, ":", error.number));
    absl::Status status = scenario(ignored);
    if (call <= calls) {
      ASSERT_FALSE(status.ok()) << "call " << call << " of " << calls;
      EXPECT_NE(status.message().find(error.name), status.message().npos) << status;
      EXPECT_NE(status.message().find(" failed: "), status.message().npos) << status;
      if (error.exitCode != 0)
        EXPECT_EQ(exitCodeOf(status), error.exitCode) << status;
    }
    EXPECT_EQ(simulatedLeaks(), 0u) << "call " << call;
  }
  // Nothing stays broken.
  EXPECT_OK(scenario(ignored));
}

TEST(CudaFaults, LackOfMemory) {
  failEveryCall({2, "CUDA_ERROR_OUT_OF_MEMORY", kExitSystemFailed});
}
TEST(CudaFaults, FailedLaunch) {
  failEveryCall({719, "CUDA_ERROR_LAUNCH_FAILED", kExitSystemFailed});
}
TEST(CudaFaults, LostDevice) {
  failEveryCall({214, "CUDA_ERROR_ECC_UNCORRECTABLE", kExitSystemFailed});
}
TEST(CudaFaults, IllegalAddress) {
  failEveryCall({700, "CUDA_ERROR_ILLEGAL_ADDRESS", kExitSystemFailed});
}
TEST(CudaFaults, JitError) { failEveryCall({218, "CUDA_ERROR_INVALID_PTX", 0}); }
TEST(CudaFaults, UnnamedError) { failEveryCall({998, "unnamed error (998)", kExitInternal}); }

TEST(CudaFaults, BrokenTextNamesItsLine) {
  auto device = openSimulatedDevice();
  ASSERT_OK(device.status());
  std::unique_ptr<qvlfmt::TargetT> target = cudaKernels();
  const std::string text = ".version 8.0\n.target sm_80\n.address_size 64\n"
                           ".visible .entry affine() {\n  frobnicate.u32 %r1, %r2;\n  ret;\n}\n";
  target->objects[0]->bytes.assign(text.begin(), text.end());
  flatbuffers::FlatBufferBuilder bytes;
  bytes.Finish(qvlfmt::Target::Pack(bytes, target.get()));
  const auto &packed = *flatbuffers::GetRoot<qvlfmt::Target>(bytes.GetBufferPointer());
  absl::Status status = (*device)->loadKernels(packed, "test.qvl").status();
  EXPECT_THAT(status, FailsWith(absl::StatusCode::kInvalidArgument,
                                "test.qvl: code object 0 (sm_80) does not load: "
                                "cuModuleLoadDataEx failed: CUDA_ERROR_INVALID_PTX"));
  EXPECT_THAT(status, FailsWith(absl::StatusCode::kInvalidArgument, ":5: "));
}

TEST(CudaFaults, BinariesAreLeftToTheText) {
  auto device = openSimulatedDevice();
  ASSERT_OK(device.status());
  std::unique_ptr<qvlfmt::TargetT> target = cudaKernels();
  auto binary = std::make_unique<qvlfmt::CodeObjectT>();
  binary->feature_set = "sm_90a";
  binary->bytes = {0x7f, 'E', 'L', 'F', 2, 1, 1};
  target->objects.push_back(std::move(binary));
  const auto load = [&] {
    flatbuffers::FlatBufferBuilder bytes;
    bytes.Finish(qvlfmt::Target::Pack(bytes, target.get()));
    return (*device)
        ->loadKernels(*flatbuffers::GetRoot<qvlfmt::Target>(bytes.GetBufferPointer()), "test.qvl")
        .status();
  };
  for (auto &kernel : target->kernels)
    kernel->variants = {qvlfmt::KernelVariant(1), qvlfmt::KernelVariant(0)};
  EXPECT_OK(load());
  target->kernels[0]->variants = {qvlfmt::KernelVariant(1)};
  EXPECT_THAT(load(), FailsWith(absl::StatusCode::kFailedPrecondition,
                                "kernel affine has no code for this GPU of sm_90, the artifact has "
                                "code for sm_80, sm_90a"));
}

TEST(CudaFaults, OfAKernelSurfaceAtSynchronisationAndStay) {
  auto device = openSimulatedDevice();
  ASSERT_OK(device.status());
  EXPECT_TRUE((*device)->limits().simulated);
  flatbuffers::FlatBufferBuilder bytes;
  bytes.Finish(qvlfmt::Target::Pack(bytes, cudaKernels().get()));
  auto kernels = (*device)->loadKernels(
      *flatbuffers::GetRoot<qvlfmt::Target>(bytes.GetBufferPointer()), "test.qvl");
  ASSERT_OK(kernels.status());
  DeviceBuffer small = *DeviceBuffer::copyOf(**device, std::array<std::byte, 64>{});
  void *const buffers[] = {small.range().pointer()};
  EXPECT_OK((*device)->launch(**kernels, {kCountTiles, 1 << 16, buffers, {}}));
  constexpr auto kUnavailable = absl::StatusCode::kUnavailable;
  const char *expected = "CUDA_ERROR_ILLEGAL_ADDRESS (700)";
  EXPECT_THAT((*device)->synchronize(), FailsWith(kUnavailable, expected));
  EXPECT_THAT((*device)->fill(small.range(), 0), FailsWith(kUnavailable, expected));
  EXPECT_THAT((*device)->allocate(1).status(), FailsWith(kUnavailable, expected));
}

} // namespace
} // namespace qvlrt::test
