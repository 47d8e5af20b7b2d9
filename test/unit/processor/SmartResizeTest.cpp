#include "qvlrt/smart_resize.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "Goldens.h"

namespace qvlrt {
namespace {

using ::testing::HasSubstr;

struct PixelRange {
  const char *name;
  std::int64_t minPixels;
  std::int64_t maxPixels;
};
constexpr PixelRange kRanges[] = {{"checkpoint", 3136, 12845056},
                                  {"card", 3136, 1003520},
                                  {"video_frame", 100352, 602112},
                                  {"small", 784, 2352}};

void expectRow(const nlohmann::json &expected, const absl::StatusOr<ImageSize> &actual) {
  if (expected.is_null()) {
    EXPECT_FALSE(actual.ok());
    return;
  }
  ASSERT_TRUE(actual.ok()) << actual.status();
  EXPECT_EQ(actual->height, expected[0].get<std::int64_t>());
  EXPECT_EQ(actual->width, expected[1].get<std::int64_t>());
}

TEST(SmartResize, AgreesWithTheGoldenTable) {
  const auto table = testing::readJson(testing::goldenPath("components/smart_resize.json"));
  ASSERT_EQ(table.size(), 500U);
  for (const auto &row : table)
    for (const PixelRange &range : kRanges) {
      SCOPED_TRACE(row.dump() + " " + range.name);
      const ImageSize size{row["in"][0], row["in"][1]};
      const std::string utilsKey = std::string(range.name) + "_utils";
      const auto &canonical = row[range.name];
      expectRow(canonical, smartResize(size, 28, range.minPixels, range.maxPixels));
      expectRow(
          row.contains(utilsKey) ? row[utilsKey] : canonical,
          smartResize(size, 28, range.minPixels, range.maxPixels, SmartResizeForm::QwenVlUtils));
    }
}

// Checks C2 and C3.
TEST(SmartResize, AgreesWithTheSpecification) {
  const auto resize = [](std::int64_t h, std::int64_t w, std::int64_t most, SmartResizeForm form) {
    return smartResize({h, w}, 28, 3136, most, form).value_or(ImageSize{});
  };
  const auto hf = SmartResizeForm::Transformers;
  EXPECT_EQ(resize(1080, 1920, 1003520, hf), (ImageSize{728, 1316}));
  EXPECT_EQ(resize(8000, 6000, 1003520, hf), (ImageSize{1148, 840}));
  EXPECT_EQ(resize(8000, 6000, 12845056, hf), (ImageSize{4116, 3080}));
  EXPECT_EQ(resize(10, 2000, 12845056, hf), (ImageSize{28, 812}));
  EXPECT_EQ(resize(10, 2000, 12845056, SmartResizeForm::QwenVlUtils), (ImageSize{28, 1988}));
  EXPECT_EQ(resize(28, 5600, 12845056, hf), (ImageSize{28, 5600}));
  EXPECT_EQ(resize(1, 1, 12845056, hf), (ImageSize{56, 56}));
}

TEST(SmartResize, RefusesImpossiblePictures) {
  const auto message = [](ImageSize size, std::int64_t least = 3136, std::int64_t most = 12845056) {
    return std::string(smartResize(size, 28, least, most).status().message());
  };
  EXPECT_THAT(message({10, 2010}), HasSubstr("factor of 200"));
  EXPECT_THAT(message({30000, 10}), HasSubstr("30000 x 10"));
  EXPECT_THAT(message({0, 5}), HasSubstr("empty"));
  EXPECT_THAT(message({5, -1}), HasSubstr("empty"));
  EXPECT_THAT(message({50, 50}, 10, 5), HasSubstr("no range"));
  EXPECT_THAT(message({50, 50}, 0, 5), HasSubstr("no range"));
}

} // namespace
} // namespace qvlrt
