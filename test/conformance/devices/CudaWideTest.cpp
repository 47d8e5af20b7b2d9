// Wide forms of kernels: when they run, and the tensor maps that they are given.
#include "CudaDriverUnderTest.h"
#include "test/unit/runtime/StatusMatchers.h"
#include "test/unit/runtime/TestArtifacts.h"

#include "qvlrt/device.h"

#include <gtest/gtest.h>
#include <numeric>

namespace qvlrt::test {
namespace {

constexpr std::int64_t kWidth = 8;

class CudaWide : public testing::Test {
protected:
  void SetUp() override {
    device = *openSimulatedDevice();
    bytes.Finish(qvlfmt::Target::Pack(bytes, wideCudaKernels().get()));
    kernels = *device->loadKernels(*flatbuffers::GetRoot<qvlfmt::Target>(bytes.GetBufferPointer()),
                                   "test.qvl");
  }

  static std::vector<float> numbers(std::int64_t rows, float first) {
    std::vector<float> values(rows * kWidth);
    std::iota(values.begin(), values.end(), first);
    return values;
  }
  DeviceBuffer upload(const std::vector<float> &values) {
    return *DeviceBuffer::copyOf(*device, std::as_bytes(std::span(values)));
  }
  absl::Status launch(std::int64_t rows, const DeviceBuffer &from, const DeviceBuffer &to,
                      std::int64_t tiles) {
    void *const buffers[] = {from.range().pointer(), to.range().pointer()};
    const std::int64_t scalars[] = {rows, kWidth, rows, kWidth};
    return device->launch(*kernels, {kAffine, tiles, buffers, scalars});
  }
  std::vector<float> download(const DeviceBuffer &buffer, std::int64_t rows) {
    std::vector<float> values(rows * kWidth);
    EXPECT_OK(device->copyToHost(std::as_writable_bytes(std::span(values)), buffer.range()));
    return values;
  }
  static std::vector<float> affine(std::vector<float> values) {
    for (float &value : values)
      value = 2 * value + 1;
    return values;
  }
  static std::uint64_t maps() { return simulatedCallsOf("cuTensorMapEncodeTiled"); }

  std::unique_ptr<Device> device;
  flatbuffers::FlatBufferBuilder bytes;
  std::unique_ptr<LoadedKernels> kernels;
};

TEST_F(CudaWide, FormsRunLaunchesOfManyTiles) {
  for (std::int64_t rows : {1, 5, 6, 7, 11}) {
    const std::vector<float> values = numbers(rows, 0.5f);
    const DeviceBuffer from = upload(values), to = upload(std::vector<float>(values.size()));
    const std::uint64_t before = maps();
    ASSERT_OK(launch(rows, from, to, rows));
    EXPECT_EQ(maps() - before, rows >= kWideTiles ? 1u : 0u) << rows;
    EXPECT_EQ(download(to, rows), affine(values));
  }
}

/// A recording holds the maps of its launches: the device's memory may change beneath it, and work
/// that is recorded anew for other memory has other maps.
TEST_F(CudaWide, MapsAreRecorded) {
  constexpr std::int64_t kRows = 9;
  const DeviceBuffer to = upload(std::vector<float>(kRows * kWidth));
  for (float first : {1.0f, 100.0f}) {
    DeviceBuffer from = upload(numbers(kRows, first));
    ASSERT_OK(device->beginRecording());
    ASSERT_OK(launch(kRows, from, to, kRows));
    auto work = device->endRecording();
    ASSERT_OK(work.status());
    const std::uint64_t before = maps();
    ASSERT_OK(device->replay(**work));
    EXPECT_EQ(download(to, kRows), affine(numbers(kRows, first)));
    const std::vector<float> others = numbers(kRows, -first);
    ASSERT_OK(device->copyToDevice(from.range(), std::as_bytes(std::span(others))));
    ASSERT_OK(device->replay(**work));
    EXPECT_EQ(download(to, kRows), affine(others));
    EXPECT_EQ(maps(), before) << "a replay encodes nothing";
  }
}

TEST_F(CudaWide, SizesThatAreNoneAreRefused) {
  const DeviceBuffer from = upload(numbers(8, 0)), to = upload(numbers(8, 0));
  for (std::int64_t rows : {std::int64_t{0}, std::int64_t{-1}, (std::int64_t{1} << 32) + 1})
    EXPECT_THAT(launch(rows, from, to, 8),
                FailsWith(absl::StatusCode::kInvalidArgument, "affine_wide: a tensor map of "));
}

TEST_F(CudaWide, FormsThatTheCodeLacksAreNamed) {
  std::unique_ptr<qvlfmt::TargetT> target = wideCudaKernels();
  target->kernels[kAffine]->wide[0]->symbol = "affine_wider";
  flatbuffers::FlatBufferBuilder other;
  other.Finish(qvlfmt::Target::Pack(other, target.get()));
  EXPECT_THAT(
      device
          ->loadKernels(*flatbuffers::GetRoot<qvlfmt::Target>(other.GetBufferPointer()), "test.qvl")
          .status(),
      FailsWith(absl::StatusCode::kInvalidArgument,
                "test.qvl: the code lacks the kernel affine_wider"));
}

/// Code for other GPUs has no use for them.
TEST_F(CudaWide, FormsOfOtherVariantsAreLeftAside) {
  std::unique_ptr<qvlfmt::TargetT> target = wideCudaKernels();
  target->kernels[kAffine]->variants = {qvlfmt::KernelVariant(0), qvlfmt::KernelVariant(1)};
  bytes.Clear();
  bytes.Finish(qvlfmt::Target::Pack(bytes, target.get()));
  kernels = *device->loadKernels(*flatbuffers::GetRoot<qvlfmt::Target>(bytes.GetBufferPointer()),
                                 "test.qvl");
  const DeviceBuffer from = upload(numbers(8, 0)), to = upload(numbers(8, 0));
  const std::uint64_t before = maps();
  ASSERT_OK(launch(8, from, to, 8));
  EXPECT_EQ(download(to, 8), affine(numbers(8, 0)));
  EXPECT_EQ(maps(), before);
}

} // namespace
} // namespace qvlrt::test
