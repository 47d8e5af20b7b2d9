#include "qvlrt/image.h"

#include <filesystem>
#include <sys/stat.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "Goldens.h"
#include "lib/Processor/Exif.h"

namespace qvlrt {
namespace {

using ::testing::HasSubstr;

Image load(const std::string &path, AlphaMode alpha = AlphaMode::Drop) {
  const auto image = decodeImage(testing::readFile(path), path, alpha);
  EXPECT_TRUE(image.ok()) << image.status();
  return image.ok() ? *image : Image{};
}

std::string errorOf(const std::string &bytes, const ImageLimits &limits = {}) {
  const auto image = decodeImage(bytes, "the-file", AlphaMode::Drop, limits);
  EXPECT_FALSE(image.ok());
  EXPECT_THAT(std::string(image.status().message()), HasSubstr("the-file: "));
  return std::string(image.status().message());
}

/// The pictures of this folder: NAME beside NAME.npy.
std::vector<std::string> pictureNames() {
  std::vector<std::string> names;
  for (const auto &entry : std::filesystem::directory_iterator(testing::picturePath("")))
    if (const auto extension = entry.path().extension();
        extension == ".png" || extension == ".jpg" || extension == ".webp")
      names.push_back(entry.path().filename().string());
  std::sort(names.begin(), names.end());
  return names;
}

class PictureTest : public ::testing::TestWithParam<std::string> {};

TEST_P(PictureTest, DecodesAsTheReference) {
  const std::string path = testing::picturePath(GetParam());
  const Image expected = testing::readArrayAsImage(path + ".npy");
  const Image image = load(path);
  EXPECT_EQ(image.size, expected.size);
  EXPECT_EQ(testing::countDifferences(image.pixels, expected.pixels), 0U);
  EXPECT_EQ(imageSize(testing::readFile(path), path).value(), expected.size);
}

TEST_P(PictureTest, CompositesOverWhiteAsTheReference) {
  const std::string path = testing::picturePath(GetParam());
  const bool hasOwn = std::filesystem::exists(path + ".white.npy");
  if (!hasOwn && GetParam().find("alpha") != std::string::npos)
    return; // grey with alpha: the reference has no such mode
  const Image expected = testing::readArrayAsImage(path + (hasOwn ? ".white.npy" : ".npy"));
  EXPECT_EQ(testing::countDifferences(load(path, AlphaMode::White).pixels, expected.pixels), 0U);
}

TEST_P(PictureTest, EveryTruncationIsAnErrorOrThePicture) {
  const std::string bytes = testing::readFile(testing::picturePath(GetParam()));
  const Image whole = load(testing::picturePath(GetParam()));
  for (std::size_t length = 0; length < bytes.size(); ++length) {
    const auto image = decodeImage(bytes.substr(0, length), "cut");
    if (image.ok())
      // Only what follows the pixels may be missing; orientation may go with it.
      EXPECT_EQ(image->pixels.size(), whole.pixels.size()) << length;
  }
  EXPECT_FALSE(decodeImage(bytes.substr(0, bytes.size() / 2), "cut").ok());
}

TEST_P(PictureTest, EveryFlippedByteIsSurvived) {
  const std::string bytes = testing::readFile(testing::picturePath(GetParam()));
  ImageLimits limits;
  limits.maxPixels = 1 << 20;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    std::string damaged = bytes;
    damaged[i] = static_cast<char>(damaged[i] ^ 0xA5);
    const auto image = decodeImage(damaged, "damaged", AlphaMode::Drop, limits);
    if (image.ok())
      ASSERT_EQ(static_cast<std::int64_t>(image->pixels.size()),
                3 * image->size.height * image->size.width);
  }
}

INSTANTIATE_TEST_SUITE_P(All, PictureTest, ::testing::ValuesIn(pictureNames()),
                         [](const auto &info) {
                           std::string name = info.param;
                           std::replace_if(
                               name.begin(), name.end(),
                               [](char c) { return !std::isalnum(static_cast<unsigned char>(c)); },
                               '_');
                           return name;
                         });

TEST(Image, DecodesTheGoldenJpegsBitForBit) {
  for (const std::string name : {"big", "tall"}) {
    const Image jpeg = load(testing::goldenPath("media/" + name + ".jpg"));
    const Image expected = load(testing::goldenPath("media/" + name + ".decoded.png"));
    EXPECT_EQ(jpeg.size, expected.size);
    EXPECT_EQ(testing::countDifferences(jpeg.pixels, expected.pixels), 0U) << name;
  }
}

TEST(Image, RefusesWhatIsNoPicture) {
  EXPECT_THAT(errorOf("just some text"), HasSubstr("no JPEG, PNG or WebP picture"));
  EXPECT_THAT(errorOf(""), HasSubstr("empty"));
  EXPECT_THAT(errorOf("GIF89a"), HasSubstr("GIF"));
  EXPECT_THAT(errorOf("\xFF\xD8\xFF"), HasSubstr("JPEG"));
  EXPECT_THAT(errorOf("\x89PNG\r\n\x1A\n"), HasSubstr("PNG"));
  EXPECT_THAT(errorOf(std::string("RIFF\0\0\0\0WEBP", 12)), HasSubstr("WebP"));
}

TEST(Image, RefusesABombByItsHeader) {
  const std::string png = testing::readFile(testing::picturePath("grey-8.png"));
  ImageLimits limits;
  limits.maxPixels = 100;
  EXPECT_THAT(errorOf(png, limits), HasSubstr("13 x 18 pixels, more than the limit of 100"));
  limits.maxPixels = 13 * 18;
  EXPECT_TRUE(decodeImage(png, "fits", AlphaMode::Drop, limits).ok());
}

TEST(Exif, IgnoresMalformedBlocks) {
  EXPECT_EQ(exifOrientation(""), 1);
  EXPECT_EQ(exifOrientation("II*"), 1);
  EXPECT_EQ(exifOrientation(std::string("II*\0\xFF\xFF\xFF\xFF", 8)), 1);
  EXPECT_EQ(exifOrientation(std::string("II*\0\x08\0\0\0\xFF\xFF", 10)), 1);
  const std::string nine("MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x09\0\0", 22);
  EXPECT_EQ(exifOrientation(nine), 1);
  std::string six = nine;
  six[19] = 6;
  EXPECT_EQ(exifOrientation(six), 6);
  EXPECT_EQ(exifOrientation(std::string("Exif\0\0", 6) + six), 6);
}

// The table of the model specification, section 4.1, on rows [[0,1,2],[3,4,5]].
TEST(Exif, AppliesEveryOrientation) {
  const std::vector<std::vector<int>> expected = {
      {0, 1, 2, 3, 4, 5}, {2, 1, 0, 5, 4, 3}, {5, 4, 3, 2, 1, 0}, {3, 4, 5, 0, 1, 2},
      {0, 3, 1, 4, 2, 5}, {3, 0, 4, 1, 5, 2}, {5, 2, 4, 1, 3, 0}, {2, 5, 1, 4, 0, 3}};
  Image image{{2, 3}, {}};
  for (int value = 0; value < 6; ++value)
    image.pixels.insert(image.pixels.end(), 3, static_cast<std::uint8_t>(value));
  for (int orientation = 1; orientation <= 8; ++orientation) {
    const Image turned = applyOrientation(image, orientation);
    EXPECT_EQ(turned.size, orientedSize(image.size, orientation));
    for (std::size_t i = 0; i < 6; ++i)
      EXPECT_EQ(turned.pixels[3 * i], expected[orientation - 1][i])
          << "orientation " << orientation;
  }
}

TEST(ReadMediaFile, RefusesWhatIsNoRegularFile) {
  EXPECT_EQ(readMediaFile("/no/such/file", 100).status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(readMediaFile("/dev/zero", 100).status().message()),
              HasSubstr("no regular file"));
  EXPECT_THAT(std::string(readMediaFile("/tmp", 100).status().message()), HasSubstr("/tmp: "));
  const std::string pipe = ::testing::TempDir() + "/media-pipe";
  unlink(pipe.c_str());
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  EXPECT_THAT(std::string(readMediaFile(pipe, 100).status().message()),
              HasSubstr("no regular file"));
  unlink(pipe.c_str());
  EXPECT_THAT(std::string(readMediaFile(testing::picturePath("grey-8.png"), 10).status().message()),
              HasSubstr("more than the limit of 10"));
}

} // namespace
} // namespace qvlrt
