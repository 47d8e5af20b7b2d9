// The vision entry point end to end, on the kernel tiny_vision.
#include "qvlrt/cpu_device.h"
#include "qvlrt/status.h"
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

/// An artifact whose compiler made an entry point for pictures: of the kTemporal frames of a row it
/// reads one.
class StillVisionProgramTest : public VisionProgramTest {
protected:
  static constexpr int kTemporal = 2, kPixels = test::kPatchRow / (3 * kTemporal);

  void SetUp() override {
    qvlfmt::ArtifactT artifact = test::testArtifact();
    artifact.targets[0]->programs.push_back(
        test::visionProgram("vision_still", test::kPatchRow / kTemporal));
    module = test::openArtifact(std::move(artifact));
    device = *createCpuDevice({.threads = 2, .features = "v3"});
    executor = *Executor::create(*module, *device);
    // Rows are [channel][frame][pixel]; the frames are equal.
    for (std::size_t i = 0; i < pixels.size(); ++i)
      pixels[i] = static_cast<float>(i / (kTemporal * kPixels) * kPixels + i % kPixels);
  }

  /// The features of the three groups.
  absl::StatusOr<std::vector<float>> run(VisionProgram vision) {
    std::vector<float> features(3 * test::kHidden);
    DeviceBuffer pool = *DeviceBuffer::allocate(*device, features.size() * sizeof(float));
    QVLRT_RETURN_IF_ERROR(vision.run({pixels, positions, window, windows, frames}, pool.range()));
    QVLRT_RETURN_IF_ERROR(
        device->copyToHost(std::as_writable_bytes(std::span(features)), pool.range()));
    return features;
  }

  std::vector<float> pixels = std::vector<float>(12 * test::kPatchRow);
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

TEST_F(StillVisionProgramTest, ReadsOneOfTheEqualFrames) {
  absl::StatusOr<VisionProgram> still = VisionProgram::create(*executor, VisionFrames::Still);
  ASSERT_OK(still.status());
  EXPECT_EQ(still->name(), "vision_still");
  absl::StatusOr<std::vector<float>> one = run(*still),
                                     all = run(*VisionProgram::create(*executor));
  ASSERT_OK(one.status());
  ASSERT_OK(all.status());
  // A feature is a sum of pixels, and its own number.
  for (std::size_t i = 0; i < all->size(); ++i) {
    const float number = static_cast<float>(i % test::kHidden);
    EXPECT_EQ(kTemporal * ((*one)[i] - number), (*all)[i] - number) << i;
  }
}

TEST_F(StillVisionProgramTest, RefusesFramesThatDiffer) {
  constexpr std::int64_t kRow = 7, kChannel = 2;
  pixels[kRow * test::kPatchRow + (kChannel * kTemporal + 1) * kPixels + 3] += 1.0f;
  EXPECT_THAT(run(*VisionProgram::create(*executor, VisionFrames::Still)).status(),
              test::FailsWith(absl::StatusCode::kInvalidArgument,
                              "pixels of row 7 differ between frames, so they are no picture"));
  EXPECT_EQ(executor->arenaBytes(), 0u);
  // Frames of a video may differ.
  VisionProgram any = *VisionProgram::create(*executor, VisionFrames::Any);
  EXPECT_EQ(any.name(), "vision");
  EXPECT_OK(run(any).status());
}

TEST_F(StillVisionProgramTest, PicturesOfAnArtifactWithoutOneTakeTheOther) {
  std::unique_ptr<Module> plain = test::openArtifact(test::testArtifact());
  std::unique_ptr<Executor> other = *Executor::create(*plain, *device);
  EXPECT_EQ(VisionProgram::create(*other, VisionFrames::Still)->name(), "vision");
}

} // namespace
} // namespace qvlrt
