// The vision entry point end to end, on the kernel tiny_vision.
#include "qvlrt/cpu_device.h"
#include "qvlrt/vision_program.h"

#include "StatusMatchers.h"
#include "TestArtifacts.h"

#include <gtest/gtest.h>

namespace qvlrt {
namespace {

class VisionProgramTest : public testing::Test {
protected:
  void SetUp() override {
    module = test::openArtifact(test::testArtifact());
    device = *createCpuDevice({.threads = 2, .features = "v3"});
    executor = *Executor::create(*module, *device);
  }

  std::unique_ptr<Module> module;
  std::unique_ptr<Device> device;
  std::unique_ptr<Executor> executor;
  std::vector<std::int32_t> positions = std::vector<std::int32_t>(24, 0);
  std::vector<std::int32_t> window = {1, 0, 2};
  std::vector<std::int32_t> windows = {0, 8, 12};
  std::vector<std::int32_t> frames = {0, 8, 12};
};

TEST_F(VisionProgramTest, WritesFeaturesIntoAPartOfThePool) {
  absl::StatusOr<VisionProgram> vision = VisionProgram::create(*executor);
  ASSERT_OK(vision.status());
  std::vector<float> pixels(12 * test::kPatchRow);
  for (std::size_t i = 0; i < pixels.size(); ++i)
    pixels[i] =
        static_cast<float>(i / (4 * test::kPatchRow) + 1); // the number of the group, from 1

  constexpr std::size_t kRowBytes = test::kHidden * sizeof(float);
  DeviceBuffer pool = *DeviceBuffer::allocate(*device, 5 * kRowBytes);
  ASSERT_OK(device->fill(pool.range(), 0));
  ASSERT_OK(vision->run({pixels, positions, window, windows, frames},
                        pool.range().subrange(2 * kRowBytes, 3 * kRowBytes)));

  std::vector<float> rows(5 * test::kHidden);
  ASSERT_OK(device->copyToHost(std::as_writable_bytes(std::span(rows)), pool.range()));
  const float kColumns = 4 * test::kPatchRow;
  const float expected[] = {0, 0, 2 * kColumns, 1 * kColumns, 3 * kColumns};
  for (int row = 0; row < 5; ++row)
    for (int h = 0; h < test::kHidden; ++h)
      EXPECT_EQ(rows[row * test::kHidden + h], row < 2 ? 0 : expected[row] + static_cast<float>(h));
}

TEST_F(VisionProgramTest, ChecksBeforeItRuns) {
  VisionProgram vision = *VisionProgram::create(*executor);
  std::vector<float> pixels(12 * test::kPatchRow);
  window[0] = 2;
  DeviceBuffer pool = *DeviceBuffer::allocate(*device, 3 * test::kHidden * sizeof(float));
  EXPECT_THAT(vision.run({pixels, positions, window, windows, frames}, pool.range()),
              test::FailsWith(absl::StatusCode::kInvalidArgument, "window[0] is 2"));
  EXPECT_EQ(executor->arenaBytes(), 0u);
}

TEST_F(VisionProgramTest, RefusesAPoolOfAnotherSize) {
  VisionProgram vision = *VisionProgram::create(*executor);
  std::vector<float> pixels(12 * test::kPatchRow);
  DeviceBuffer pool = *DeviceBuffer::allocate(*device, 4);
  EXPECT_THAT(vision.run({pixels, positions, window, windows, frames}, pool.range()),
              test::FailsWith(absl::StatusCode::kInvalidArgument, "copy of 96 bytes into 4"));
}

TEST_F(VisionProgramTest, PlansWithoutRunning) {
  absl::StatusOr<std::uint64_t> bytes = VisionProgram::create(*executor)->planMemory(400, 10, 1);
  ASSERT_OK(bytes.status());
  EXPECT_EQ(*bytes, 100u * test::kHidden * sizeof(float));
}

} // namespace
} // namespace qvlrt
