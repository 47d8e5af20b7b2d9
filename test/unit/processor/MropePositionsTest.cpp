#include "qvlrt/mrope_positions.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "Goldens.h"

namespace qvlrt {
namespace {

using ::testing::HasSubstr;

constexpr std::int64_t kVisionStart = 151652;
constexpr std::int64_t kVisionEnd = 151653;
constexpr std::int64_t kImagePad = 151655;
constexpr std::int64_t kVideoPad = 151656;

/// Owns what a MropeInput looks at.
struct Prompt {
  std::vector<std::int64_t> ids;
  std::vector<Grid> images;
  std::vector<Grid> videos;
  std::vector<double> secondPerGrid;

  absl::StatusOr<MropePositions> plan(MropeVariant variant = MropeVariant::A,
                                      double tokensPerSecond = 2) const {
    return planPositions({ids, kVisionStart, kImagePad, kVideoPad, images, videos, secondPerGrid,
                          tokensPerSecond, 2},
                         variant);
  }
};

TEST(MropePositions, AgreesWithTheGoldenTableInEveryVariant) {
  const auto table = testing::readJson(testing::goldenPath("components/mrope_positions.json"));
  ASSERT_EQ(table.size(), 20U);
  for (const auto &row : table) {
    const Prompt prompt{row["ids"], testing::gridsOf(row["image_grid_thw"]),
                        testing::gridsOf(row["video_grid_thw"]), row["second_per_grid_ts"]};
    for (const auto &[name, variant] :
         {std::pair("A", MropeVariant::A), std::pair("B", MropeVariant::B),
          std::pair("D", MropeVariant::D), std::pair("E", MropeVariant::E)}) {
      const auto &expected = row.contains(name) ? row[name] : row["A"];
      const auto actual = prompt.plan(variant, row["tokens_per_second"]);
      ASSERT_TRUE(actual.ok()) << actual.status();
      std::vector<std::int32_t> flat;
      for (const auto &axis : expected["positions"])
        flat.insert(flat.end(), axis.begin(), axis.end());
      EXPECT_EQ(testing::countDifferences(actual->positions, flat), 0U) << name;
      EXPECT_EQ(actual->delta, expected["delta"].get<std::int64_t>()) << name;
    }
  }
}

/// 15 ids of text, an image 1x4x4, a video, 10 ids of text (check C25).
Prompt imageThenVideo(double secondPerGrid, std::int64_t frames) {
  Prompt prompt{std::vector<std::int64_t>(14, 1), {{1, 4, 4}}, {{frames, 4, 6}}, {secondPerGrid}};
  const auto add = [&](std::int64_t id, std::int64_t count) {
    prompt.ids.insert(prompt.ids.end(), count, id);
  };
  add(kVisionStart, 1), add(kImagePad, 4), add(kVisionEnd, 1);
  add(kVisionStart, 1), add(kVideoPad, 6 * frames), add(kVisionEnd, 1);
  add(1, 9);
  return prompt;
}

// Check C25: the steps of variant A at rates that f32 does not represent.
TEST(MropePositions, TruncatesFractionalStepsAsTheSpecificationSays) {
  const auto offsets = [](double secondPerGrid) {
    const MropePositions plan = imageThenVideo(secondPerGrid, 12).plan().value();
    std::vector<std::int32_t> steps;
    for (std::int64_t frame = 0; frame < 12; ++frame)
      steps.push_back(plan.positions[21 + 6 * frame] - plan.positions[21]);
    return steps;
  };
  EXPECT_THAT(offsets(10.0 / 9), ::testing::ElementsAre(0, 2, 4, 6, 8, 11, 13, 15, 17, 20, 22, 24));
  EXPECT_THAT(offsets(2.0 / 3), ::testing::ElementsAre(0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14));
  EXPECT_THAT(offsets(0.08333), ::testing::ElementsAre(0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1));
}

// Check C26.
TEST(MropePositions, TextCountsUp) {
  const MropePositions plan = Prompt{{5, 6, 7}, {}, {}, {}}.plan().value();
  EXPECT_THAT(plan.positions, ::testing::ElementsAre(0, 1, 2, 0, 1, 2, 0, 1, 2));
  EXPECT_EQ(plan.delta, 0);
  EXPECT_EQ(Prompt{}.plan().value().delta, 0);
}

TEST(MropePositions, RefusesPromptsThatDoNotFitTheMedia) {
  const auto message = [](const Prompt &prompt) {
    return std::string(prompt.plan().status().message());
  };
  EXPECT_THAT(message({{1, 2}, {{1, 4, 4}}, {}, {}}), HasSubstr("places 0 images"));
  EXPECT_THAT(message({{kVisionStart, kImagePad}, {}, {}, {}}), HasSubstr("more images"));
  EXPECT_THAT(message({{kVisionStart, kImagePad}, {{1, 4, 4}}, {}, {}}),
              HasSubstr("shorter than its medium"));
  EXPECT_THAT(message(imageThenVideo(1e30, 3)), HasSubstr("frame rate of a video is too low"));
}

} // namespace
} // namespace qvlrt
