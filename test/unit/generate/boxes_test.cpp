#include "qvlrt/boxes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace {

using namespace qvlrt;
using testing::DoubleNear;
using testing::ElementsAre;
using testing::Optional;

MediaItem mediaItem(ImageSize original, ImageSize resized) {
  MediaItem item;
  item.original = original;
  item.resized = resized;
  return item;
}

/// 300 pixels wide and 200 high, shown to the model twice as wide and half as high.
MediaItem stretched() { return mediaItem({200, 300}, {100, 600}); }

std::vector<Box> modelBoxes(std::string_view text) {
  std::vector<Box> boxes;
  for (const AnswerBox &box : findBoxes(text, {}))
    boxes.push_back(box.model);
  return boxes;
}

TEST(BoxesTest, TheModelsForm) {
  const MediaItem media[] = {stretched()};
  const auto boxes = findBoxes("```json\n[\n\t{\"bbox_2d\": [60, 20, 120, 50], \"label\": \"red "
                               "circle\"},\n\t{\"bbox_2d\": [0, 0, 600, 100], \"label\": "
                               "\"all\"}\n]\n```",
                               media);
  ASSERT_EQ(boxes.size(), 2u);
  EXPECT_EQ(boxes[0].label, "red circle");
  EXPECT_THAT(boxes[0].media, Optional(0u));
  EXPECT_THAT(boxes[0].model, ElementsAre(60, 20, 120, 50));
  EXPECT_THAT(boxes[0].picture, Optional(ElementsAre(30, 40, 60, 100)));
  EXPECT_EQ(boxes[1].label, "all");
  EXPECT_THAT(boxes[1].picture, Optional(ElementsAre(0, 0, 300, 200)));
}

TEST(BoxesTest, ScalesExactly) {
  const MediaItem media[] = {mediaItem({100, 100}, {84, 112})};
  const auto boxes = findBoxes(R"({"bbox_2d": [1, 1, 111, 83]})", media);
  ASSERT_EQ(boxes.size(), 1u);
  EXPECT_THAT(*boxes[0].picture,
              ElementsAre(DoubleNear(100. / 112, 1e-12), DoubleNear(100. / 84, 1e-12),
                          DoubleNear(11100. / 112, 1e-12), DoubleNear(8300. / 84, 1e-12)));
}

TEST(BoxesTest, CutOffAtTheBordersOfThePicture) {
  const MediaItem media[] = {stretched()};
  const auto boxes = findBoxes(R"({"bbox_2d": [-8, -1.5, 700, 1e300]})", media);
  ASSERT_EQ(boxes.size(), 1u);
  EXPECT_THAT(boxes[0].model, ElementsAre(-8, -1.5, 700, 1e300));
  EXPECT_THAT(boxes[0].picture, Optional(ElementsAre(0, 0, 300, 200)));
}

TEST(BoxesTest, AnywhereInTheText) {
  EXPECT_THAT(modelBoxes(R"(Here {it} is: {"bbox_2d": [1, 2, 3, 4]} and {"bbox_2d":[5,6,7,8]}.)"),
              ElementsAre(Box{1, 2, 3, 4}, Box{5, 6, 7, 8}));
  EXPECT_THAT(modelBoxes(R"({"objects": [{"bbox_2d": [1, 2, 3, 4]}], "count": 1})"),
              ElementsAre(Box{1, 2, 3, 4}));
  EXPECT_THAT(modelBoxes(R"({"bbox_2d": [1, 2, 3, 4], "more": {"colour": "red"}})"),
              ElementsAre(Box{1, 2, 3, 4}));
}

TEST(BoxesTest, AnAnswerThatWasCutOff) {
  EXPECT_THAT(
      modelBoxes("```json\n[{\"bbox_2d\": [1, 2, 3, 4], \"label\": \"a\"}, {\"bbox_2d\": [5"),
      ElementsAre(Box{1, 2, 3, 4}));
  EXPECT_THAT(modelBoxes(R"({"objects": [{"bbox_2d": [1, 2, 3, 4]}, {"bbox_2d": [5)"),
              ElementsAre(Box{1, 2, 3, 4}));
}

TEST(BoxesTest, BracesAndQuotationMarksInLabels) {
  const auto boxes = findBoxes(R"([{"bbox_2d": [1, 2, 3, 4], "label": "a \"}{\" sign"}])", {});
  ASSERT_EQ(boxes.size(), 1u);
  EXPECT_EQ(boxes[0].label, "a \"}{\" sign");
}

TEST(BoxesTest, AStrayQuotationMarkHidesNothingBehindItsLine) {
  EXPECT_THAT(modelBoxes("{a 19\" screen}\n{\"bbox_2d\": [1, 2, 3, 4]}"),
              ElementsAre(Box{1, 2, 3, 4}));
}

TEST(BoxesTest, TextInsteadOfALabel) {
  const auto boxes = findBoxes(R"({"bbox_2d": [1, 2, 3, 4], "text_content": "EXIT"})", {});
  ASSERT_EQ(boxes.size(), 1u);
  EXPECT_EQ(boxes[0].label, "EXIT");
  EXPECT_EQ(findBoxes(R"({"bbox_2d": [1, 2, 3, 4], "label": 7})", {}).front().label, "");
}

TEST(BoxesTest, WhatIsNoBox) {
  for (const char *text :
       {"", "{}", "}{", "plain text", R"({"bbox_2d": [1, 2, 3]})",
        R"({"bbox_2d": [1, 2, 3, 4, 5]})", R"({"bbox_2d": [1, 2, 3, "4"]})",
        R"({"bbox_2d": "1 2 3 4"})", R"({"bbox_2d": null})", R"({"point_2d": [1, 2]})",
        R"({"bbox_2d": [1, 2, 3, 1e999]})", R"({"bbox_2d": [1, 2, 3, 4])",
        R"("{\"bbox_2d\": [1, 2, 3, 4]}")", R"({'bbox_2d': [1, 2, 3, 4]})"})
    EXPECT_THAT(modelBoxes(text), ElementsAre()) << text;
}

TEST(BoxesTest, SeveralPictures) {
  const std::string_view text = R"({"bbox_2d": [60, 20, 120, 50]})";
  const MediaItem alike[] = {stretched(), stretched()};
  EXPECT_FALSE(findBoxes(text, alike).front().media.has_value());
  EXPECT_THAT(findBoxes(text, alike).front().picture, Optional(ElementsAre(30, 40, 60, 100)));
  const MediaItem different[] = {stretched(), mediaItem({100, 100}, {100, 600})};
  EXPECT_FALSE(findBoxes(text, different).front().media.has_value());
  EXPECT_FALSE(findBoxes(text, different).front().picture.has_value());
  EXPECT_FALSE(findBoxes(text, {}).front().picture.has_value());
}

/// Work that grows with the square of such an answer would take minutes.
TEST(BoxesTest, AnAnswerOfBraces) {
  const std::string open(1 << 20, '{'), close(1 << 20, '}');
  EXPECT_THAT(modelBoxes(open), ElementsAre());
  EXPECT_THAT(modelBoxes(close), ElementsAre());
  EXPECT_THAT(modelBoxes(open + close), ElementsAre());
}

} // namespace
