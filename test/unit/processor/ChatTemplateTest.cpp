#include "qvlrt/chat_template.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "Goldens.h"

namespace qvlrt {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Ids = std::vector<std::int64_t>;

TEST(ChatTemplate, RendersTheGoldenTable) {
  const auto table = testing::readJson(testing::goldenPath("components/chat_template.json"));
  ASSERT_GT(table.size(), 60U);
  for (const auto &row : table) {
    const auto messages = parseMessages(row["messages"].dump(), "");
    ASSERT_TRUE(messages.ok()) << messages.status() << row["messages"];
    const ChatTemplateOptions options{row["add_generation_prompt"], row["add_vision_id"]};
    EXPECT_EQ(renderChat("qwen2_5_vl", *messages, options).value(), row["text"].get<std::string>());
  }
}

TEST(ChatTemplate, NamesATemplateItDoesNotKnow) {
  EXPECT_THAT(std::string(renderChat("llama", {}, {}).status().message()), HasSubstr("'llama'"));
}

TEST(ExpandPlaceholders, RepeatsEachPadByItsTokens) {
  const Ids ids = {1, 90, 2, 91, 3, 90};
  const Ids images = {2, 1};
  const Ids videos = {3};
  EXPECT_THAT(expandPlaceholders(ids, {90, images}, {91, videos}).value(),
              ElementsAre(1, 90, 90, 2, 91, 91, 91, 3, 90));
}

// Check C32: a pad that no medium stands behind, and a medium without a pad.
TEST(ExpandPlaceholders, RefusesACountThatIsNotThatOfTheMedia) {
  const Ids tokens = {4};
  const Ids two = {90, 90};
  const Ids none = {1};
  EXPECT_THAT(std::string(expandPlaceholders(two, {90, tokens}, {91, {}}).status().message()),
              HasSubstr("2 image placeholders for 1 images"));
  EXPECT_THAT(std::string(expandPlaceholders(none, {90, {}}, {91, tokens}).status().message()),
              HasSubstr("0 video placeholders for 1 videos"));
}

} // namespace
} // namespace qvlrt
