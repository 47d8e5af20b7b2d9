// Loading and launching kernels.
#include "DeviceRegistry.h"
#include "test/unit/runtime/StatusMatchers.h"
#include "test/unit/runtime/TestArtifacts.h"

#include <algorithm>
#include <cstring>
#include <gtest/gtest.h>
#include <numeric>

namespace qvlrt::test {
namespace {

constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;

class DeviceKernels : public DeviceTest {
protected:
  void SetUp() override {
    DeviceTest::SetUp();
    if (!IsSkipped() && !HasFatalFailure())
      loadKernels();
  }

  template <typename T> DeviceBuffer upload(const std::vector<T> &values) {
    return *DeviceBuffer::copyOf(*device, std::as_bytes(std::span(values)));
  }
  template <typename T> std::vector<T> download(const DeviceBuffer &buffer) {
    std::vector<std::byte> bytes = read(buffer.range());
    std::vector<T> values(bytes.size() / sizeof(T));
    std::memcpy(values.data(), bytes.data(), bytes.size());
    return values;
  }
};
QVL_ON_DEVICES_THAT_RUN_KERNELS(DeviceKernels);

/// What holds for a device that drops launches too.
class DeviceLaunches : public DeviceKernels {};
QVL_ON_ALL_DEVICES(DeviceLaunches);

TEST_P(DeviceLaunches, FindAllKernelsLoaded) { EXPECT_EQ(kernels->size(), kTinyVision + 1u); }

TEST_P(DeviceKernels, RunOnEveryTileOnce) {
  for (std::int64_t grid : {0, 1, 2, 15, 16, 17, 1000}) {
    DeviceBuffer counts = upload(std::vector<std::int32_t>(grid + 1, 5));
    void *const buffers[] = {counts.range().pointer()};
    ASSERT_OK(device->launch(*kernels, {kCountTiles, grid, buffers, {}}));
    ASSERT_OK(device->synchronize());
    std::vector<std::int32_t> expected(grid + 1, 6);
    expected.back() = 5;
    EXPECT_EQ(download<std::int32_t>(counts), expected);
  }
}

TEST_P(DeviceKernels, SeeBuffersAndScalars) {
  constexpr std::int64_t kRows = 33, kWidth = 5;
  std::vector<float> x(kRows * kWidth);
  std::iota(x.begin(), x.end(), -7.0f);
  DeviceBuffer input = upload(x), output = upload(std::vector<float>(x.size(), 0));
  void *const buffers[] = {input.range().pointer(), output.range().pointer()};
  const std::int64_t scalars[] = {kRows, kWidth, kRows, kWidth};
  ASSERT_OK(device->launch(*kernels, {kAffine, kRows, buffers, scalars}));
  std::vector<float> expected;
  for (float value : x)
    expected.push_back(2 * value + 1);
  EXPECT_EQ(download<float>(output), expected); // a copy to the host waits for the launch
}

TEST_P(DeviceKernels, SeeTheEffectsOfEarlierOnes) {
  DeviceBuffer x = upload(std::vector<float>(64, 1));
  void *const buffers[] = {x.range().pointer(), x.range().pointer()};
  const std::int64_t scalars[] = {64, 1, 64, 1};
  float expected = 1;
  for (int step = 0; step < 10; ++step) {
    ASSERT_OK(device->launch(*kernels, {kAffine, 64, buffers, scalars}));
    expected = 2 * expected + 1;
  }
  EXPECT_EQ(download<float>(x), std::vector<float>(64, expected));
}

TEST_P(DeviceKernels, HaveScratchOfTheirOwn) {
  DeviceBuffer ok = upload(std::vector<std::int32_t>(500, 0));
  void *const buffers[] = {ok.range().pointer()};
  const std::int64_t scalars[] = {kScratchBytes};
  ASSERT_OK(device->launch(*kernels, {kProbeScratch, 500, buffers, scalars}));
  EXPECT_EQ(download<std::int32_t>(ok), std::vector<std::int32_t>(500, 1));
}

TEST_P(DeviceLaunches, AreRefusedWhenTheyDoNotFit) {
  DeviceBuffer x = upload(std::vector<float>(64, 1));
  void *const one[] = {x.range().pointer()};
  void *const two[] = {x.range().pointer(), x.range().pointer()};
  void *const crooked[] = {x.range().pointer(), x.range().subrange(4, 4).pointer()};
  const std::int64_t scalars[] = {64, 1, 64, 1};
  EXPECT_THAT(device->launch(*kernels, {99, 1, two, scalars}),
              FailsWith(kInvalid, "launch of kernel 99"));
  EXPECT_THAT(device->launch(*kernels, {kAffine, -1, two, scalars}),
              FailsWith(kInvalid, "affine: a grid of -1 tiles"));
  EXPECT_THAT(device->launch(*kernels, {kAffine, 1, one, scalars}),
              FailsWith(kInvalid, "affine: 1 buffers and 4 scalars, not 2 and 4"));
  EXPECT_THAT(device->launch(*kernels, {kAffine, 1, two, std::span(scalars).first(3)}),
              FailsWith(kInvalid, "affine: 2 buffers and 3 scalars, not 2 and 4"));
  EXPECT_THAT(device->launch(*kernels, {kAffine, 1, crooked, scalars}),
              FailsWith(kInvalid, "affine: buffer 1 is not aligned to 64 bytes"));
}

TEST_P(DeviceKernels, OfSeveralTargetsLiveTogether) {
  std::unique_ptr<LoadedKernels> first = std::move(kernels);
  flatbuffers::FlatBufferBuilder bytes;
  bytes.Finish(qvlfmt::Target::Pack(bytes, GetParam().kernels().get()));
  auto second = device->loadKernels(*flatbuffers::GetRoot<qvlfmt::Target>(bytes.GetBufferPointer()),
                                    "second.qvl");
  ASSERT_OK(second.status());
  DeviceBuffer counts = upload(std::vector<std::int32_t>(8, 0));
  void *const buffers[] = {counts.range().pointer()};
  ASSERT_OK(device->launch(*first, {kCountTiles, 8, buffers, {}}));
  first.reset();
  ASSERT_OK(device->launch(**second, {kCountTiles, 8, buffers, {}}));
  EXPECT_EQ(download<std::int32_t>(counts), std::vector<std::int32_t>(8, 2));
}

} // namespace
} // namespace qvlrt::test
