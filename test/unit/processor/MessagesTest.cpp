#include "qvlrt/messages.h"

#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace qvlrt {
namespace {

using ::testing::HasSubstr;

MediaSource onlyMedium(const std::string &part) {
  const auto messages = parseMessages(R"([{"role": "user", "content": [)" + part + "]}]", "/base");
  EXPECT_TRUE(messages.ok()) << messages.status();
  return messages.ok() ? messages->at(0).content.at(0).media.value() : MediaSource{};
}

std::string errorOf(const std::string &json) {
  return std::string(parseMessages(json, "/base").status().message());
}

std::string errorOfPart(const std::string &part) {
  return errorOf(R"([{"role": "user", "content": [)" + part + "]}]");
}

TEST(Messages, AcceptsBothFormsOfAnImage) {
  EXPECT_EQ(onlyMedium(R"({"type": "image", "image": "a.png"})").frames.at(0).path, "/base/a.png");
  EXPECT_EQ(
      onlyMedium(R"({"type": "image_url", "image_url": {"url": "b/c.png"}})").frames.at(0).path,
      "/base/b/c.png");
  EXPECT_EQ(onlyMedium(R"({"type": "image_url", "image_url": "/abs.png"})").frames.at(0).path,
            "/abs.png");
  EXPECT_EQ(onlyMedium(R"({"image": "file:///with%20space.png"})").frames.at(0).path,
            "/with space.png");
}

TEST(Messages, DecodesDataUris) {
  const MediaSource media = onlyMedium(R"({"image": "data:image/png;base64,aGVsbG8="})");
  EXPECT_EQ(media.frames.at(0).bytes, "hello");
  EXPECT_EQ(media.frames.at(0).path, "");
  EXPECT_THAT(media.name, HasSubstr("data URI"));
  EXPECT_THAT(errorOfPart(R"({"image": "data:image/png;base64,!!"})"),
              HasSubstr("not valid base64"));
  EXPECT_THAT(errorOfPart(R"({"image": "data:image/png,abc"})"), HasSubstr("must have the form"));
}

TEST(Messages, AcceptsVideos) {
  const MediaSource list =
      onlyMedium(R"({"type": "video", "video": ["0.png", "1.png"], "sample_fps": 1.25})");
  EXPECT_EQ(list.kind, MediaKind::Video);
  EXPECT_EQ(list.frames.size(), 2U);
  EXPECT_EQ(list.frames.at(1).path, "/base/1.png");
  EXPECT_EQ(list.sampleFps, 1.25);
  EXPECT_EQ(onlyMedium(R"({"type": "video", "video": ["0.png"], "fps": 4})").sampleFps, 4.0);
  EXPECT_EQ(onlyMedium(R"({"type": "video", "video": "clip.mp4"})").videoPath, "/base/clip.mp4");
  EXPECT_FALSE(onlyMedium(R"({"type": "video", "video": ["0.png"]})").sampleFps);
}

TEST(Messages, PartsSetTheirSize) {
  const MediaSource limited =
      onlyMedium(R"({"image": "a.png", "min_pixels": 3136, "max_pixels": 50176})");
  EXPECT_EQ(limited.minPixels, 3136);
  EXPECT_EQ(limited.maxPixels, 50176);
  EXPECT_FALSE(limited.size);
  const MediaSource resized =
      onlyMedium(R"({"video": ["0.png"], "resized_height": 280, "resized_width": 420})");
  EXPECT_EQ(resized.size, (ImageSize{280, 420}));
  EXPECT_FALSE(resized.maxPixels);
  for (const char *number : {"0", "-1", "1.5", "\"9\"", "null", "18446744073709551615"})
    EXPECT_THAT(errorOfPart(std::string(R"({"image": "a.png", "max_pixels": )") + number + "}"),
                HasSubstr("part 1: \"max_pixels\" must be a whole number above 0"))
        << number;
  EXPECT_THAT(errorOfPart(R"({"image": "a.png", "resized_height": 28})"),
              HasSubstr("\"resized_height\" and \"resized_width\" go together"));
}

TEST(Messages, NamesThePlaceOfAnError) {
  EXPECT_THAT(errorOf("[{"), HasSubstr("no valid JSON at byte"));
  EXPECT_THAT(errorOf("{}"), HasSubstr("must be a JSON list"));
  EXPECT_THAT(errorOf("[1]"), HasSubstr("message 1: \"role\""));
  EXPECT_THAT(errorOf(R"([{"role": "user", "content": "a"}, {"role": 3, "content": ""}])"),
              HasSubstr("message 2"));
  EXPECT_THAT(errorOf(R"([{"role": "user"}])"), HasSubstr("\"content\""));
  EXPECT_THAT(errorOfPart("7"), HasSubstr("message 1, part 1"));
  EXPECT_THAT(errorOfPart(R"({"text": 1})"), HasSubstr("\"text\" must be a string"));
  EXPECT_THAT(errorOfPart(R"({"image": null})"), HasSubstr("a picture must be"));
  EXPECT_THAT(errorOfPart(R"({"image": ""})"), HasSubstr("empty"));
  EXPECT_THAT(errorOfPart(R"({"video": []})"), HasSubstr("not empty"));
  EXPECT_THAT(errorOfPart(R"({"video": ["a.png"], "fps": 0})"), HasSubstr("above 0"));
  EXPECT_THAT(errorOfPart(R"({"image": "https://example.org/a.png"})"),
              HasSubstr("download the file"));
  EXPECT_THAT(errorOfPart(R"({"video": "HTTP://example.org/a.mp4"})"),
              HasSubstr("download the file"));
  EXPECT_THAT(errorOfPart(R"({"image": "ftp://example.org/a.png"})"),
              HasSubstr("unknown kind of URL"));
}

TEST(Messages, SurvivesDeepNesting) {
  EXPECT_FALSE(parseMessages(std::string(1'000'000, '['), "").ok());
  const std::string deep = std::string(200'000, '[') + std::string(200'000, ']');
  EXPECT_FALSE(parseMessages(deep, "").ok());
}

TEST(Messages, BuildsAPromptFromArguments) {
  PromptArguments arguments;
  arguments.system = "Be brief.";
  arguments.prompt = "What?";
  arguments.media = {{MediaKind::Video, "frames"}, {MediaKind::Image, "a.png"}};
  arguments.fps = 4.0;
  const auto messages = makeMessages(arguments).value();
  ASSERT_EQ(messages.size(), 2U);
  EXPECT_EQ(messages[0].role, "system");
  ASSERT_EQ(messages[1].content.size(), 3U);
  EXPECT_EQ(messages[1].content[0].media->videoPath, "frames");
  EXPECT_EQ(messages[1].content[0].media->sampleFps, 4.0);
  EXPECT_EQ(messages[1].content[1].media->frames.at(0).path, "a.png");
  EXPECT_EQ(messages[1].content[2].text, "What?");
}

TEST(Messages, KnowsAnEmptyRequest) {
  PromptArguments arguments;
  EXPECT_TRUE(isEmptyRequest(makeMessages(arguments).value()));
  arguments.system = "A system message asks nothing.";
  EXPECT_TRUE(isEmptyRequest(makeMessages(arguments).value()));
  arguments.media = {{MediaKind::Image, "a.png"}};
  EXPECT_FALSE(isEmptyRequest(makeMessages(arguments).value()));
}

TEST(Messages, ResolvesPathsAgainstTheFolderOfTheFile) {
  const std::filesystem::path folder = std::filesystem::path(::testing::TempDir()) / "messages";
  std::filesystem::create_directories(folder);
  std::ofstream(folder / "m.json")
      << R"([{"role": "user", "content": [{"type": "image", "image": "x.png"}]}])";
  const auto messages = loadMessages((folder / "m.json").string());
  ASSERT_TRUE(messages.ok()) << messages.status();
  EXPECT_EQ(messages->at(0).content.at(0).media->frames.at(0).path, (folder / "x.png").string());
  EXPECT_THAT(std::string(loadMessages((folder / "none.json").string()).status().message()),
              HasSubstr("none.json"));
}

} // namespace
} // namespace qvlrt
