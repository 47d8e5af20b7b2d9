// Memory of a GPU: what is uploaded, recordings, and what is said when there is too little.
#include "CudaDriverUnderTest.h"
#include "test/unit/runtime/StatusMatchers.h"
#include "test/unit/runtime/TestArtifacts.h"

#include "qvlrt/executor.h"
#include "qvlrt/exit_code.h"
#include "qvlrt/kv_cache.h"

#include "absl/strings/str_cat.h"

#include <gtest/gtest.h>
#include <numeric>

namespace qvlrt::test {
namespace {

constexpr auto kExhausted = absl::StatusCode::kResourceExhausted;

std::vector<std::byte> pattern(std::size_t bytes) {
  std::vector<std::byte> values(bytes);
  for (std::size_t i = 0; i < bytes; ++i)
    values[i] = static_cast<std::byte>(i * 2654435761u >> 13);
  return values;
}

TEST(CudaMemory, LargeUploadsArriveWhole) {
  std::unique_ptr<Device> device = *openSimulatedDevice();
  constexpr std::size_t kPiece = std::size_t{4} << 20; // of pinned memory
  for (const std::size_t bytes :
       {std::size_t{65536}, std::size_t{65537}, kPiece, 5 * kPiece + 12}) {
    std::vector<std::byte> values = pattern(bytes);
    DeviceBuffer buffer = *DeviceBuffer::allocate(*device, bytes);
    ASSERT_OK(device->copyToDevice(buffer.range(), values));
    const std::vector<std::byte> expected = values;
    values.assign(bytes, std::byte{0}); // the upload has read them
    std::vector<std::byte> found(bytes);
    ASSERT_OK(device->copyToHost(found, buffer.range()));
    EXPECT_TRUE(found == expected) << bytes;
  }
}

TEST(CudaMemory, AWeightOfSeveralProgramsIsUploadedOnce) {
  qvlfmt::ArtifactT artifact = twoTargetArtifact();
  qvlfmt::TargetT &target = *artifact.targets[1];
  auto again = std::make_unique<qvlfmt::ProgramT>(*target.programs[0]);
  again->name = "again";
  target.programs.push_back(std::move(again));
  std::unique_ptr<Module> module = openArtifact(std::move(artifact));
  std::unique_ptr<Device> device = *openSimulatedDevice();
  std::unique_ptr<Executor> executor = *Executor::create(*module, *device);
  EXPECT_EQ(device->memory().allocated, module->weightBytes(0).size());
}

TEST(CudaMemory, TooLittleForTheWeightsIsSaidBeforeTheUpload) {
  std::unique_ptr<Module> module = openArtifact(twoTargetArtifact());
  ScopedVariable small("QVL_PTXSIM_MEMORY", "16");
  std::unique_ptr<Device> device = *openSimulatedDevice();
  const absl::Status status = Executor::create(*module, *device).status();
  EXPECT_THAT(status, FailsWith(kExhausted, "the weights need 32 bytes on cuda:0"));
  EXPECT_THAT(status, FailsWith(kExhausted, "16 are free, 16 are missing; use --device=cpu"));
  EXPECT_EQ(exitCodeOf(status), kExitSystemFailed);
}

TEST(CudaMemory, TooLittleForTheArenaIsSaid) {
  std::unique_ptr<Module> module = openArtifact(twoTargetArtifact());
  ScopedVariable small("QVL_PTXSIM_MEMORY", "8192");
  std::unique_ptr<Device> device = *openSimulatedDevice();
  std::unique_ptr<Executor> executor = *Executor::create(*module, *device);
  const std::vector<float> x(100 * 8, 1.0f);
  DeviceBuffer input = *DeviceBuffer::copyOf(*device, std::as_bytes(std::span(x)));
  const DeviceTensor argument{"x", qvlfmt::ElementType::F32, {100, 8}, input.range()};
  const absl::Status status = executor->run(*executor->program("dense"), {&argument, 1}).status();
  EXPECT_THAT(status, FailsWith(kExhausted, "dense: this input needs an arena of 6400 bytes"));
  // 8192 - 32 of the weight - 3200 of the argument = 4960.
  EXPECT_THAT(status, FailsWith(kExhausted, "4960 are free, 1440 are missing"));
  EXPECT_THAT(status, FailsWith(kExhausted, "--max-pixels), a smaller --prefill-chunk or "
                                            "--device=cpu"));
}

TEST(CudaMemory, TooLittleForTheCacheSaysWhatFits) {
  constexpr std::uint64_t kUnit = std::uint64_t{2} << 20; // of mapped memory
  ScopedVariable small("QVL_PTXSIM_MEMORY", absl::StrCat(3 * kUnit));
  std::unique_ptr<Device> device = *openSimulatedDevice();
  const KvPageLayout layout{16, static_cast<std::int64_t>(kUnit / 4), qvlfmt::ElementType::F32};
  std::unique_ptr<KvCache> cache = *KvCache::create(*device, layout, 100 * kUnit);
  KvSequence sequence = cache->newSequence(1000);
  ASSERT_OK(sequence.reserve(16));
  const absl::Status status = sequence.reserve(16 * 4);
  EXPECT_THAT(status, FailsWith(kExhausted, "the KV cache has 1 pages and needs 3 more"));
  EXPECT_THAT(status, FailsWith(kExhausted, "48 tokens fit (--max-context=48); or use "
                                            "--device=cpu"));
  ASSERT_OK(sequence.reserve(16 * 3)) << "what was said fits";
}

class CudaRecording : public testing::Test {
protected:
  std::vector<std::byte> read(const DeviceBuffer &buffer) {
    std::vector<std::byte> bytes(buffer.bytes());
    EXPECT_OK(device->copyToHost(bytes, buffer.range()));
    return bytes;
  }
  std::unique_ptr<Device> device = *openSimulatedDevice();
  DeviceBuffer from = *DeviceBuffer::copyOf(*device, pattern(64));
  DeviceBuffer to = *DeviceBuffer::copyOf(*device, std::vector<std::byte>(64));
};

TEST_F(CudaRecording, RunsWhenItIsReplayed) {
  ASSERT_OK(device->beginRecording());
  ASSERT_OK(device->copy(to.range(), from.range()));
  ASSERT_OK(device->fill(from.range(), 9));
  absl::StatusOr<std::unique_ptr<RecordedWork>> work = device->endRecording();
  ASSERT_OK(work.status());
  EXPECT_EQ(read(to), std::vector<std::byte>(64)) << "nothing ran yet";
  ASSERT_OK(device->replay(**work));
  EXPECT_EQ(read(to), pattern(64));
  ASSERT_OK(device->replay(**work));
  EXPECT_EQ(read(to), std::vector<std::byte>(64, std::byte{9}));
}

TEST_F(CudaRecording, ThatFailedLeavesTheDeviceUsable) {
  ASSERT_OK(device->beginRecording());
  EXPECT_FALSE(DeviceBuffer::allocate(*device, 64).ok()) << "not allowed while recording";
  EXPECT_FALSE(device->endRecording().ok());
  ASSERT_OK(device->copy(to.range(), from.range()));
  EXPECT_EQ(read(to), pattern(64));
}

} // namespace
} // namespace qvlrt::test
