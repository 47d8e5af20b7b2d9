#include "qvlrt/patchify.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "Goldens.h"

namespace qvlrt {
namespace {

constexpr PatchLayout kLayout{14, 2, 2};

flatbuffers::DetachedBuffer publishedFacts() {
  flatbuffers::FlatBufferBuilder builder;
  const qvlfmt::Vec3 mean(0.48145466, 0.4578275, 0.40821073);
  const qvlfmt::Vec3 deviation(0.26862954, 0.26130258, 0.27577711);
  builder.Finish(qvlfmt::CreateProcessorFacts(builder, 3136, 12845056, 14, 2, 2, 112, 2.0, &mean,
                                              &deviation, 1.0 / 255.0));
  return builder.Release();
}

NormalizationTable tableOf(NormalizeMode mode) {
  const auto buffer = publishedFacts();
  return makeNormalizationTable(*flatbuffers::GetRoot<qvlfmt::ProcessorFacts>(buffer.data()), mode);
}

/// A table under which a byte stays what it is.
NormalizationTable identityTable() {
  NormalizationTable table;
  for (auto &channel : table)
    for (int value = 0; value < 256; ++value)
      channel[value] = static_cast<float>(value);
  return table;
}

Image patterned(ImageSize size, int seed) {
  Image image{size, std::vector<std::uint8_t>(3 * size.height * size.width)};
  for (std::size_t i = 0; i < image.pixels.size(); ++i)
    image.pixels[i] = static_cast<std::uint8_t>(i * 31 + i / 255 + seed);
  return image;
}

TEST(NormalizationTable, EqualsTheGoldenTables) {
  for (const auto &[mode, file] : {std::pair(NormalizeMode::Slow, "normalise_slow.npy"),
                                   std::pair(NormalizeMode::Fast, "normalise_fast.npy")}) {
    const NpyArray golden =
        testing::readArray(testing::goldenPath(std::string("components/") + file));
    const auto expected = golden.elements<float>();
    ASSERT_EQ(expected.size(), 768U);
    const NormalizationTable table = tableOf(mode);
    for (int c = 0; c < 3; ++c)
      for (int value = 0; value < 256; ++value)
        EXPECT_EQ(table[c][value], expected[256 * c + value]) << file << " " << c << " " << value;
  }
}

/// The formula of the model specification, section 4.6, element by element.
float expectedValue(const std::vector<const Image *> &frames, std::int64_t row,
                    std::int64_t column) {
  const std::int64_t gridWidth = frames[0]->size.width / 14;
  const std::int64_t block = row / 4;
  const std::int64_t y = 2 * (block / (gridWidth / 2)) + row % 4 / 2;
  const std::int64_t x = 2 * (block % (gridWidth / 2)) + row % 2;
  const std::int64_t c = column / 392, tt = column % 392 / 196, py = column % 196 / 14,
                     px = column % 14;
  const Image &frame = *frames[tt];
  return frame.pixels[((y * 14 + py) * frame.size.width + x * 14 + px) * 3 + c];
}

// Check C8, on a still image and on a pair of frames.
TEST(Patchify, FollowsTheLayoutOfTheSpecification) {
  const Image first = patterned({56, 84}, 0);
  const Image second = patterned({56, 84}, 99);
  for (const std::vector<const Image *> &frames :
       {std::vector{&first, &first}, std::vector{&first, &second}}) {
    std::vector<float> rows(24 * 1176);
    patchify(frames, kLayout, identityTable(), rows);
    for (std::int64_t row = 0; row < 24; ++row)
      for (std::int64_t column = 0; column < 1176; ++column)
        ASSERT_EQ(rows[row * 1176 + column], expectedValue(frames, row, column))
            << row << " " << column;
  }
}

} // namespace
} // namespace qvlrt
