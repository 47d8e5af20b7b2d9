#include "qvlrt/window_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "Goldens.h"

namespace qvlrt {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr PatchLayout kLayout{14, 2, 2};

WindowPlan plan(const std::vector<Grid> &grids, std::int64_t windowSize = 112) {
  return planWindows(grids, kLayout, windowSize).value();
}

std::uint64_t checksum(const WindowPlan &windows) {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < windows.windowIndex.size(); ++i)
    sum += (i + 1) * static_cast<std::uint64_t>(windows.windowIndex[i]);
  return sum;
}

TEST(WindowPlan, AgreesWithTheGoldenTable) {
  const auto table = testing::readJson(testing::goldenPath("components/window_index.json"));
  ASSERT_EQ(table.size(), 30U);
  for (const auto &row : table) {
    const WindowPlan windows = plan(testing::gridsOf(row["grid_thw"]), row["window_size"]);
    EXPECT_EQ(windows.windowIndex, row["window_index"].get<std::vector<std::int64_t>>());
    EXPECT_EQ(windows.cuWindowSeqlens, row["cu_window_seqlens"].get<std::vector<std::int32_t>>());
    EXPECT_EQ(windows.cuSeqlens, row["cu_seqlens"].get<std::vector<std::int32_t>>());
  }
}

// Checks C11 to C14.
TEST(WindowPlan, AgreesWithTheChecksumsOfTheSpecification) {
  EXPECT_EQ(checksum(plan({{1, 26, 34}})), 3554728U);
  EXPECT_EQ(checksum(plan({{1, 16, 16}})), 85568U);
  const WindowPlan two = plan({{1, 34, 26}, {3, 6, 10}});
  EXPECT_EQ(checksum(two), 6250276U);
  EXPECT_THAT(two.cuSeqlens, ElementsAre(0, 884, 944, 1004, 1064));
  EXPECT_EQ(two.cuWindowSeqlens.size(), 27U);
  EXPECT_EQ(checksum(plan({{1, 78, 138}})) & 0xFFFFFFFF, 2189196170U);
  EXPECT_THAT(plan({{2, 8, 10}}).cuWindowSeqlens, ElementsAre(0, 64, 80, 144, 160));
}

TEST(WindowPlan, RefusesImpossibleGrids) {
  const auto message = [](std::vector<Grid> grids, std::int64_t window = 112) {
    return std::string(planWindows(grids, kLayout, window).status().message());
  };
  EXPECT_THAT(message({{1, 3, 4}}), HasSubstr("1 x 3 x 4"));
  EXPECT_THAT(message({{1, 4, 0}}), HasSubstr("is empty"));
  EXPECT_THAT(message({{-1, 4, 4}}), HasSubstr("is empty"));
  EXPECT_THAT(message({{1, 1 << 20, 1 << 20}}), HasSubstr("2147483647 patches"));
  EXPECT_THAT(message({{std::int64_t{1} << 62, 4, 4}}), HasSubstr("2147483647 patches"));
  EXPECT_THAT(message({{1, 4, 4}}, 20), HasSubstr("smaller than one token"));
}

// Check C9.
TEST(VisionPositions, FollowTheOrderOfTheRows) {
  const std::vector<Grid> grids = {{1, 4, 6}};
  const auto positions = visionPositions(grids, kLayout);
  EXPECT_THAT(std::vector(positions.begin(), positions.begin() + 24),
              ElementsAre(0, 0, 1, 1, 0, 0, 1, 1, 0, 0, 1, 1, 2, 2, 3, 3, 2, 2, 3, 3, 2, 2, 3, 3));
  EXPECT_THAT(std::vector(positions.begin() + 24, positions.end()),
              ElementsAre(0, 1, 0, 1, 2, 3, 2, 3, 4, 5, 4, 5, 0, 1, 0, 1, 2, 3, 2, 3, 4, 5, 4, 5));
}

TEST(VisionPositions, RepeatForEveryFrameAndMedium) {
  const std::vector<Grid> grids = {{2, 2, 2}, {1, 2, 4}};
  EXPECT_THAT(visionPositions(grids, kLayout),
              ElementsAre(0, 0, 1, 1, 0, 0, 1, 1, 0, 0, 1, 1, 0, 0, 1, 1, //
                          0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 2, 3, 2, 3));
}

} // namespace
} // namespace qvlrt
