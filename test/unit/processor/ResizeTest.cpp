#include "qvlrt/resize.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "Goldens.h"
#include "lib/Processor/ResizeWeights.h"

namespace qvlrt {
namespace {

using ::testing::ElementsAre;
using Bytes = std::vector<std::uint8_t>;

Image grey(std::int64_t height, std::int64_t width, const Bytes &values) {
  Image image{{height, width}, {}};
  for (std::uint8_t value : values)
    image.pixels.insert(image.pixels.end(), 3, value);
  return image;
}

Bytes firstChannel(const Image &image) {
  Bytes values;
  for (std::size_t i = 0; i < image.pixels.size(); i += 3)
    values.push_back(image.pixels[i]);
  return values;
}

int largestDifference(const Bytes &a, const Bytes &b) {
  int largest = a.size() == b.size() ? 0 : 256;
  for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i)
    largest = std::max(largest, std::abs(a[i] - b[i]));
  return largest;
}

TEST(Resize, AgreesWithTheGoldenPictures) {
  const auto table = testing::readJson(testing::goldenPath("components/resize/index.json"));
  ASSERT_EQ(table.size(), 6U);
  for (const auto &row : table) {
    const auto load = [&](const char *key) {
      return testing::readArrayAsImage(
          testing::goldenPath("components/" + row["files"][key].get<std::string>()));
    };
    const Image input = load("input");
    const ImageSize size{row["out"][0], row["out"][1]};
    const auto resized = [&](ResizeMode mode) {
      return resizeBicubic(input, size, mode).value().pixels;
    };
    SCOPED_TRACE(row.dump());
    EXPECT_EQ(testing::countDifferences(resized(ResizeMode::Pillow), load("canonical").pixels), 0U);
    EXPECT_EQ(testing::countDifferences(resized(ResizeMode::Fast), load("fast").pixels), 0U);
    EXPECT_LE(largestDifference(resized(ResizeMode::Float), load("float").pixels), 1);
    const char *pillow13 = row["files"].contains("pillow13") ? "pillow13" : "canonical";
    EXPECT_EQ(testing::countDifferences(resized(ResizeMode::Pillow13), load(pillow13).pixels), 0U);
  }
}

// Check C4.
TEST(Resize, AgreesWithTheRowOfTheSpecification) {
  const Image row = grey(1, 8, {0, 255, 0, 255, 128, 64, 32, 16});
  for (ResizeMode mode : {ResizeMode::Pillow, ResizeMode::Fast}) {
    const auto to = [&](std::int64_t width) {
      return firstChannel(resizeBicubic(row, {1, width}, mode).value());
    };
    EXPECT_THAT(to(4), ElementsAre(107, 150, 111, 22));
    EXPECT_THAT(to(6), ElementsAre(78, 127, 178, 127, 45, 18));
    EXPECT_THAT(to(12), ElementsAre(0, 135, 236, 19, 120, 255, 150, 90, 57, 36, 22, 15));
  }
  const auto weights = roundToPillow(bicubicWeights(8, 4));
  const auto list = [&](std::int64_t x) {
    const auto begin = weights.weight.begin() + x * weights.taps;
    return std::vector<std::int32_t>(begin, begin + weights.count[x]);
  };
  EXPECT_THAT(list(0), ElementsAre(1947982, 1947982, 508932, -157945, -52648));
  EXPECT_THAT(list(1), ElementsAre(-145748, 469632, 1797559, 1797559, 469632, -145748, -48583));
}

// Check C5.
TEST(Resize, AgreesWithTheSquareOfTheSpecification) {
  Bytes values;
  for (int i = 0; i < 16; ++i)
    values.push_back(static_cast<std::uint8_t>(16 * i));
  EXPECT_THAT(firstChannel(resizeBicubic(grey(4, 4, values), {6, 6}).value()),
              ElementsAre(0, 3, 15, 25, 37, 45, 26, 33, 45, 55, 67, 75, 74, 82, 94, 104, 116, 124,
                          116, 124, 136, 146, 158, 166, 165, 173, 185, 195, 207, 215, 195, 203, 215,
                          225, 237, 245));
}

// Check C6, and the smallest pictures.
TEST(Resize, KeepsWhatFitsAndStretchesOnePixel) {
  const Image image = grey(2, 2, {1, 2, 3, 4});
  for (ResizeMode mode :
       {ResizeMode::Pillow, ResizeMode::Pillow13, ResizeMode::Fast, ResizeMode::Float}) {
    EXPECT_EQ(resizeBicubic(image, {2, 2}, mode).value().pixels, image.pixels);
    const Image stretched = resizeBicubic(grey(1, 1, {77}), {56, 56}, mode).value();
    EXPECT_EQ(stretched.pixels, Bytes(56 * 56 * 3, 77));
  }
  EXPECT_FALSE(resizeBicubic(image, {0, 2}).ok());
  EXPECT_FALSE(resizeBicubic(Image{}, {2, 2}).ok());
}

} // namespace
} // namespace qvlrt
