#include "qvlrt/video_plan.h"

#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "Goldens.h"

namespace qvlrt {
namespace {

using ::testing::HasSubstr;

VideoSampling samplingOf(const nlohmann::json &arguments) {
  VideoSampling sampling;
  for (const auto &[key, value] : arguments.items()) {
    if (key == "fps")
      sampling.fps = value.get<double>();
    else if (key == "nframes")
      sampling.frameCount = value.get<std::int64_t>();
    else if (key == "min_frames")
      sampling.minFrames = value.get<std::int64_t>();
    else if (key == "max_frames")
      sampling.maxFrames = value.get<std::int64_t>();
    else
      ADD_FAILURE() << "unknown argument " << key;
  }
  return sampling;
}

/// Compares with a list that is shortened in the middle by "...".
void expectIndices(const nlohmann::json &expected, const std::vector<std::int64_t> &actual) {
  std::size_t i = 0;
  for (std::size_t entry = 0; entry < expected.size(); ++entry) {
    if (expected[entry].is_string())
      i = actual.size() - (expected.size() - entry - 1);
    else
      EXPECT_EQ(actual.at(i++), expected[entry].get<std::int64_t>());
  }
  EXPECT_EQ(i, actual.size());
}

TEST(VideoPlan, AgreesWithTheGoldenTable) {
  const auto table = testing::readJson(testing::goldenPath("components/video_frames.json"));
  ASSERT_EQ(table.size(), 40U);
  for (const auto &row : table) {
    SCOPED_TRACE(row.dump());
    const auto plan = planFrames(row["total"], row["fps"], samplingOf(row["args"]));
    if (row["nframes"].is_null()) {
      EXPECT_FALSE(plan.ok());
      continue;
    }
    ASSERT_TRUE(plan.ok()) << plan.status();
    EXPECT_EQ(plan->indices.size(), row["nframes"].get<std::size_t>());
    expectIndices(row["indices"], plan->indices);
    EXPECT_EQ(plan->sampleFps, row["sample_fps"].get<double>());
    EXPECT_EQ(plan->secondPerGrid, row["second_per_grid_t"].get<double>());
    EXPECT_EQ(plan->maxPixels, row["max_pixels"].get<std::int64_t>());
  }
}

TEST(VideoPlan, RefusesImpossibleRequests) {
  const auto message = [](std::int64_t total, double fps, const VideoSampling &sampling) {
    return std::string(planFrames(total, fps, sampling).status().message());
  };
  EXPECT_THAT(message(100, 25, {2.0, 8, 4, {}}), HasSubstr("exclude each other"));
  EXPECT_THAT(message(100, 0, {}), HasSubstr("above 0"));
  EXPECT_THAT(message(100, std::numeric_limits<double>::quiet_NaN(), {}), HasSubstr("above 0"));
  EXPECT_THAT(message(100, 25, {-1.0, {}, 4, {}}), HasSubstr("above 0"));
  EXPECT_THAT(message(1, 30, {}), HasSubstr("cannot be taken"));
  EXPECT_THAT(message(0, 30, {}), HasSubstr("cannot be taken"));
  EXPECT_THAT(message(100, 25, {{}, 1 << 30, 4, {}}), HasSubstr("cannot be taken"));
}

} // namespace
} // namespace qvlrt
