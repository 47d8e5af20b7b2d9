#include "qvlrt/processor.h"

#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "CheckpointProcessor.h"
#include "Goldens.h"

namespace qvlrt {
namespace {

namespace fs = std::filesystem;
using ::testing::Each;
using ::testing::HasSubstr;

const testing::CheckpointProcessor &processor() {
  static const testing::CheckpointProcessor instance(testing::modelPath("shapes-vl"));
  return instance;
}

std::vector<Message> ask(const std::vector<PromptArguments::Media> &media,
                         const std::string &prompt = "What?") {
  PromptArguments arguments;
  arguments.prompt = prompt;
  arguments.media = media;
  return makeMessages(arguments).value();
}

PromptArguments::Media picture(const std::string &name) {
  return {MediaKind::Image, testing::picturePath(name)};
}
PromptArguments::Media golden(const std::string &name) {
  return {MediaKind::Image, testing::goldenPath("media/" + name)};
}
PromptArguments::Media video(const std::string &path) { return {MediaKind::Video, path}; }

std::string errorOf(const std::vector<Message> &messages, const ProcessorOptions &options = {}) {
  const auto request = processor()->process(messages, options);
  EXPECT_FALSE(request.ok());
  return std::string(request.status().message());
}

/// An uncompressed-looking but valid picture of one colour: PNG of the given size, written by hand.
void writePicture(const fs::path &path, const std::string &bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

TEST(Processor, PlanEqualsProcessExceptForPixels) {
  const auto messages =
      ask({golden("tall.jpg"), video(testing::modelPath("samples/15-video-short")),
           golden("tiny.png")});
  const auto plan = processor()->plan(messages).value();
  const auto full = processor()->process(messages).value();
  EXPECT_EQ(plan.ids, full.ids);
  EXPECT_EQ(plan.positions, full.positions);
  EXPECT_EQ(plan.featureRows, full.featureRows);
  EXPECT_EQ(plan.images.grids, full.images.grids);
  EXPECT_EQ(plan.videos.windows.windowIndex, full.videos.windows.windowIndex);
  EXPECT_TRUE(plan.images.pixelValues.empty());
  EXPECT_EQ(static_cast<std::int64_t>(full.images.pixelValues.size()),
            1176 * full.images.patches());
  EXPECT_EQ(static_cast<std::int64_t>(full.videos.pixelValues.size()),
            1176 * full.videos.patches());
}

TEST(Processor, FeatureRowsNumberImagesBeforeVideos) {
  const auto request =
      processor()
          ->plan(ask({video(testing::modelPath("samples/15-video-short")), golden("tiny.png")}))
          .value();
  const std::int64_t videoTokens = request.media[0].tokens;
  const std::int64_t imageTokens = request.media[1].tokens;
  EXPECT_EQ(request.mediaTokens, imageTokens + videoTokens);
  std::vector<std::int32_t> rows;
  for (std::int32_t row : request.featureRows)
    if (row >= 0)
      rows.push_back(row);
  ASSERT_EQ(static_cast<std::int64_t>(rows.size()), request.mediaTokens);
  for (std::int64_t i = 0; i < videoTokens; ++i)
    EXPECT_EQ(rows[i],
              imageTokens +
                  i); // the video comes first in the prompt, its features after the image's
  for (std::int64_t i = 0; i < imageTokens; ++i)
    EXPECT_EQ(rows[videoTokens + i], i);
}

// Check C33.
TEST(Processor, SwappingImagesSwapsEverything) {
  const auto ab = processor()->process(ask({golden("odd.png"), golden("tiny.png")})).value();
  const auto ba = processor()->process(ask({golden("tiny.png"), golden("odd.png")})).value();
  EXPECT_EQ(ab.images.grids[0], ba.images.grids[1]);
  EXPECT_EQ(ab.images.grids[1], ba.images.grids[0]);
  const auto firstRows = static_cast<std::ptrdiff_t>(ab.images.grids[0].patches() * 1176);
  std::vector<float> swapped(ab.images.pixelValues.begin() + firstRows,
                             ab.images.pixelValues.end());
  swapped.insert(swapped.end(), ab.images.pixelValues.begin(),
                 ab.images.pixelValues.begin() + firstRows);
  EXPECT_EQ(testing::countDifferences(swapped, ba.images.pixelValues), 0U);
}

TEST(Processor, DescribesTheMedia) {
  const auto request = processor()->plan(ask({picture("orientation-6.jpg")})).value();
  ASSERT_EQ(request.media.size(), 1U);
  const MediaItem &item = request.media[0];
  EXPECT_EQ(item.source, testing::picturePath("orientation-6.jpg"));
  EXPECT_EQ(item.original, (ImageSize{18, 13})); // after the quarter turn
  EXPECT_EQ(item.grid, (Grid{1, item.resized.height / 14, item.resized.width / 14}));
  EXPECT_EQ(item.tokens, item.grid.patches() / 4);
}

TEST(Processor, PixelLimitsMoveEachOther) {
  ProcessorOptions small;
  small.maxPixels = 784;
  EXPECT_EQ(processor()->plan(ask({golden("big.jpg")}), small).value().media[0].resized.height % 28,
            0);
  EXPECT_LE(processor()->plan(ask({golden("big.jpg")}), small).value().mediaTokens, 2);
  ProcessorOptions large;
  large.minPixels = 20'000'000;
  const ImageSize resized =
      processor()->plan(ask({golden("tiny.png")}), large).value().media[0].resized;
  EXPECT_GE(resized.height * resized.width, 20'000'000);
  ProcessorOptions wrong;
  wrong.minPixels = 5000;
  wrong.maxPixels = 4000;
  EXPECT_THAT(errorOf(ask({golden("tiny.png")}), wrong), HasSubstr("no range"));
  ProcessorOptions huge;
  huge.minPixels = std::int64_t{1} << 60;
  EXPECT_THAT(errorOf(ask({golden("tiny.png")}), huge), HasSubstr("would be enlarged"));
}

TEST(Processor, PartsSetTheirSize) {
  const auto resized = [](const char *keys, const ProcessorOptions &options = {}) {
    const std::string text =
        R"([{"role": "user", "content": [{"type": "image", "image": "big.jpg")" +
        std::string(keys) + "}]}]";
    const auto messages = parseMessages(text, testing::goldenPath("media")).value();
    return processor()->plan(messages, options).value().media[0].resized;
  };
  EXPECT_EQ(resized(R"(, "resized_height": 100, "resized_width": 300)"), (ImageSize{112, 308}));
  EXPECT_EQ(resized(R"(, "max_pixels": 784)"), (ImageSize{28, 28}));
  const ImageSize enlarged = resized(R"(, "min_pixels": 20000000)");
  EXPECT_GE(enlarged.height * enlarged.width, 20'000'000);
  ProcessorOptions options; // the command line has the last word
  options.maxPixels = 784;
  EXPECT_EQ(resized(R"(, "max_pixels": 50176)", options), (ImageSize{28, 28}));
  EXPECT_EQ(resized(R"(, "resized_height": 100, "resized_width": 100)", options),
            (ImageSize{28, 28}));
}

TEST(Processor, RefusesSpecialTextUnlessAllowed) {
  EXPECT_THAT(errorOf(ask({}, "see <|image_pad|>")), HasSubstr("<|image_pad|>"));
  EXPECT_THAT(errorOf(ask({}, "see <|im_end|>")), HasSubstr("--allow-special"));
  EXPECT_THAT(errorOf({{"user<|im_end|>", {}}}), HasSubstr("--allow-special"));
  ProcessorOptions options;
  options.allowSpecial = true;
  EXPECT_TRUE(processor()->process(ask({}, "see <|im_end|>"), options).ok());
  // A placeholder that no picture stands behind is refused even then.
  EXPECT_THAT(errorOf(ask({}, "see <|image_pad|>"), options),
              HasSubstr("1 image placeholders for 0 images"));
}

TEST(Processor, NamesTheFileOfAnError) {
  EXPECT_THAT(errorOf(ask({picture("missing.png")})), HasSubstr("missing.png: cannot be read"));
  EXPECT_THAT(errorOf(ask({picture("make_pictures.py")})),
              HasSubstr("make_pictures.py: no JPEG, PNG or WebP"));
  EXPECT_THAT(errorOf(ask({picture("")})), HasSubstr("no regular file"));
  EXPECT_THAT(errorOf(ask({video(testing::goldenPath("media/none.mp4"))})),
              HasSubstr("no such file"));
  EXPECT_THAT(errorOf(ask({video(testing::modelPath("samples/14-video.mp4"))})),
              HasSubstr("video files are not"));
  EXPECT_THAT(errorOf({{"user", {{"", MediaSource{}}}}}), HasSubstr("names no file"));
}

/// A folder for the frames of a test.
class Frames : public ::testing::Test {
protected:
  void SetUp() override {
    folder = fs::path(::testing::TempDir()) / "processor-frames";
    fs::remove_all(folder);
    fs::create_directories(folder);
  }
  void TearDown() override { fs::remove_all(folder); }
  void add(const std::string &name, const std::string &source) {
    writePicture(folder / name, testing::readFile(testing::picturePath(source)));
  }
  fs::path folder;
};

TEST_F(Frames, AreReadInNumericOrderAndTheLastIsRepeated) {
  add("frame-10.png", "grey-8.png");
  add("frame-9.png", "grey-1.png");
  add("frame-2.png", "grey-4.png");
  const auto request = processor()->process(ask({video(folder.string())})).value();
  EXPECT_EQ(request.media[0].frames, 3);
  EXPECT_EQ(request.media[0].grid.t, 2);
  EXPECT_EQ(request.secondPerGrid, std::vector{1.0});
  std::vector<float> expected;
  for (const char *name : {"grey-4.png", "grey-1.png", "grey-8.png", "grey-8.png"}) {
    const auto still = processor()->process(ask({picture(name)})).value();
    expected.insert(expected.end(), still.images.pixelValues.begin(),
                    still.images.pixelValues.end());
  }
  // The temporal halves of a row are the two frames of its pair.
  const auto &pixels = request.videos.pixelValues;
  const std::size_t patches = pixels.size() / 1176 / 2;
  for (std::size_t pair = 0; pair < 2; ++pair)
    for (std::size_t patch = 0; patch < patches; ++patch)
      for (std::size_t column = 0; column < 1176; ++column) {
        const std::size_t frame = 2 * pair + column % 392 / 196;
        ASSERT_EQ(pixels[(pair * patches + patch) * 1176 + column],
                  expected[(frame * patches + patch) * 1176 + column]);
      }
}

TEST_F(Frames, MustHaveOneSize) {
  add("0.png", "grey-8.png");
  add("1.png", "orientation-6.png");
  EXPECT_THAT(errorOf(ask({video(folder.string())})),
              HasSubstr("1.png: the frame has 18 x 13 pixels"));
}

TEST_F(Frames, AnEmptyFolderIsAnError) {
  EXPECT_THAT(errorOf(ask({video(folder.string())})), HasSubstr("holds no frames"));
}

TEST_F(Frames, TheFrameRateMustBePositive) {
  add("0.png", "grey-8.png");
  PromptArguments arguments;
  arguments.media = {video(folder.string())};
  for (double fps : {0.0, -1.0, std::numeric_limits<double>::infinity()}) {
    arguments.fps = fps;
    EXPECT_THAT(errorOf(makeMessages(arguments).value()), HasSubstr("above 0"));
  }
}

TEST(Processor, AcceptsADataUri) {
  std::string encoded; // of grey-8.png, by the table of base64
  const std::string bytes = testing::readFile(testing::picturePath("grey-8.png"));
  constexpr char kDigits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    std::uint32_t group = 0;
    for (std::size_t j = 0; j < 3; ++j)
      group = group << 8 | (i + j < bytes.size() ? static_cast<unsigned char>(bytes[i + j]) : 0);
    for (std::size_t j = 0; j < 4; ++j)
      encoded += i + j <= bytes.size() ? kDigits[group >> (18 - 6 * j) & 63] : '=';
  }
  const std::string json =
      R"([{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,)" +
      encoded + R"("}}]}])";
  const auto request = processor()->process(parseMessages(json, "").value());
  ASSERT_TRUE(request.ok()) << request.status();
  const auto fromFile = processor()->process(ask({picture("grey-8.png")})).value();
  EXPECT_EQ(request->images.pixelValues, fromFile.images.pixelValues);
}

TEST(Processor, RefusesAPromptBeyondTheContextBeforeDecoding) {
  testing::CheckpointFacts facts = testing::readCheckpointFacts(testing::modelPath("shapes-vl"));
  facts.maxContext = 20;
  const testing::CheckpointProcessor small(
      facts, testing::readTokenizerJson(testing::modelPath("shapes-vl/tokenizer.json")));
  const auto request = small->process(ask({golden("tiny.png")}));
  EXPECT_EQ(request.status().code(), absl::StatusCode::kOutOfRange);
  EXPECT_THAT(std::string(request.status().message()), HasSubstr("more than the context of 20"));
  EXPECT_TRUE(small->plan(ask({golden("tiny.png")})).ok());
}

TEST(Processor, RefusesDamagedFacts) {
  const auto vocabulary =
      testing::readTokenizerJson(testing::modelPath("shapes-vl/tokenizer.json"));
  const auto message = [&](auto change) {
    testing::CheckpointFacts facts = testing::readCheckpointFacts(testing::modelPath("shapes-vl"));
    change(facts);
    return std::string(testing::CheckpointProcessor(facts, vocabulary).get().status().message());
  };
  EXPECT_EQ(message([](auto &) {}), "");
  EXPECT_THAT(message([](auto &facts) { facts.patchSize = 0; }),
              HasSubstr("patch, merge or window"));
  EXPECT_THAT(message([](auto &facts) { facts.mergeSize = -2; }),
              HasSubstr("patch, merge or window"));
  EXPECT_THAT(message([](auto &facts) { facts.windowSize = 5; }),
              HasSubstr("patch, merge or window"));
  EXPECT_THAT(message([](auto &facts) { facts.patchRow = 1175; }), HasSubstr("columns"));
  EXPECT_THAT(message([](auto &facts) { facts.maxPixels = 1; }), HasSubstr("pixel limits"));
  EXPECT_THAT(message([](auto &facts) { facts.standardDeviation = 0; }),
              HasSubstr("normalisation"));
}

} // namespace
} // namespace qvlrt
