#include "qvlrt/tokenizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "Goldens.h"
#include "TokenizerTables.h"

namespace qvlrt {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Ids = std::vector<std::int64_t>;

class QwenTokenizer : public ::testing::Test {
protected:
  const Tokenizer tokenizer = Tokenizer::create(testing::qwenTables()).value();
  Ids encode(std::string_view text) const { return tokenizer.encode(text).value(); }
};

TEST_F(QwenTokenizer, VocabularyHasTheDerivedSize) {
  EXPECT_EQ(testing::qwenTables().merges()->size(), 151387U);
  EXPECT_EQ(testing::qwenTables().piece_offsets()->size(), 151644U);
}

TEST_F(QwenTokenizer, EncodesTheGoldenTable) {
  const auto table = testing::readJson(testing::goldenPath("components/tokenizer.json"));
  ASSERT_GT(table.size(), 200U);
  for (const auto &row : table) {
    const std::string text = row["text"];
    const Ids ids = row["ids"];
    EXPECT_EQ(encode(text), ids) << text;
    EXPECT_EQ(tokenizer.decode(ids, false), row.value("decoded", text));
    if (row.contains("decoded_skip_special"))
      EXPECT_EQ(tokenizer.decode(ids, true), row["decoded_skip_special"].get<std::string>());
  }
}

TEST_F(QwenTokenizer, DecodesTheGoldenTable) {
  const auto table = testing::readJson(testing::goldenPath("components/tokenizer_decode.json"));
  ASSERT_GT(table.size(), 50U);
  for (const auto &row : table) {
    const Ids ids = row["ids"];
    EXPECT_EQ(tokenizer.decode(ids, false), row["text"].get<std::string>());
    EXPECT_EQ(tokenizer.decode(ids, true), row["text_skip_special"].get<std::string>());
  }
}

TEST_F(QwenTokenizer, StreamsTheSameText) {
  const auto table = testing::readJson(testing::goldenPath("components/tokenizer_decode.json"));
  for (const auto &row : table)
    for (bool skipSpecial : {false, true}) {
      StreamingDecoder decoder(tokenizer, skipSpecial);
      std::string text;
      for (std::int64_t id : row["ids"])
        text += decoder.push(id);
      text += decoder.finish();
      EXPECT_EQ(text, row[skipSpecial ? "text_skip_special" : "text"].get<std::string>());
    }
}

// Check C20: nothing of a character is shown before it is complete.
TEST_F(QwenTokenizer, StreamingHoldsBackIncompleteCharacters) {
  const std::string emoji = "\U0001F642";
  StreamingDecoder decoder(tokenizer, false);
  const auto &byteIds = *testing::qwenTables().byte_ids();
  std::vector<std::string> shown;
  for (char byte : emoji)
    shown.push_back(decoder.push(byteIds[static_cast<unsigned char>(byte)]));
  EXPECT_THAT(shown, ElementsAre("", "", "", emoji));
  EXPECT_EQ(decoder.push(byteIds[0xE2]), "");
  EXPECT_EQ(decoder.finish(), "\uFFFD");
  EXPECT_EQ(decoder.finish(), "");
}

// Check C18.
TEST_F(QwenTokenizer, EncodesTheExamplesOfTheSpecification) {
  EXPECT_THAT(encode("Hello world"), ElementsAre(9707, 1879));
  EXPECT_THAT(encode(" Hello world"), ElementsAre(21927, 1879));
  EXPECT_THAT(encode("<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n"),
              ElementsAre(151644, 8948, 198, 2610, 525, 264, 10950, 17847, 13, 151645, 198));
  EXPECT_THAT(encode("<|im_start|>user\n"), ElementsAre(151644, 872, 198));
  EXPECT_THAT(encode("Describe this image."), ElementsAre(74785, 419, 2168, 13));
  EXPECT_THAT(encode("<|im_start|>assistant\n"), ElementsAre(151644, 77091, 198));
}

TEST_F(QwenTokenizer, RepairsInvalidUtf8BeforeEverythingElse) {
  EXPECT_EQ(encode("a\xFF"), encode("a\uFFFD"));
  EXPECT_EQ(encode("\xE2\x82<|im_end|>"), encode("\uFFFD<|im_end|>"));
}

TEST_F(QwenTokenizer, LiteralModeMatchesNoSpecialToken) {
  const Ids ids = tokenizer.encode("a<|im_end|><tool_call>", SpecialText::Literal).value();
  EXPECT_THAT(ids, ::testing::Not(::testing::Contains(151645)));
  EXPECT_EQ(ids.back(), 151657); // an added token that is not special
  EXPECT_EQ(tokenizer.decode(ids, true), "a<|im_end|><tool_call>");
}

TEST_F(QwenTokenizer, FindsSpecialText) {
  EXPECT_EQ(tokenizer.findSpecialText("what is <|image_pad|>?"), "<|image_pad|>");
  EXPECT_EQ(tokenizer.findSpecialText("<|<|im_end|>"), "<|im_end|>");
  EXPECT_FALSE(tokenizer.findSpecialText("<tool_call> and <|im_end|"));
  EXPECT_FALSE(tokenizer.findSpecialText(""));
}

TEST_F(QwenTokenizer, AnswersQuestionsAboutIds) {
  EXPECT_EQ(tokenizer.addedTokenId("<|vision_start|>"), 151652);
  EXPECT_FALSE(tokenizer.addedTokenId("<|no such|>"));
  EXPECT_TRUE(tokenizer.isSpecial(151656));
  EXPECT_FALSE(tokenizer.isSpecial(151657));
  EXPECT_EQ(tokenizer.tokenBytes(151665), "");
  EXPECT_EQ(tokenizer.tokenBytes(-1), "");
  EXPECT_EQ(tokenizer.tokenBytes(std::int64_t{1} << 40), "");
}

TEST_F(QwenTokenizer, RefusesEndlessText) {
  const auto ids = tokenizer.encode(std::string((std::size_t{1} << 26) + 1, 'a'));
  EXPECT_THAT(std::string(ids.status().message()), HasSubstr("can be tokenized"));
}

/// A vocabulary of bytes with one merge and one added token.
testing::Vocabulary smallVocabulary() {
  testing::Vocabulary vocabulary;
  for (int byte = 0; byte < 256; ++byte)
    vocabulary.pieces.emplace_back(1, static_cast<char>(byte));
  vocabulary.pieces.push_back("ab");
  vocabulary.merges.push_back({'a', 'b', 256});
  vocabulary.added.push_back({257, "<x>", true});
  vocabulary.added.push_back({258, "<x>y", false});
  return vocabulary;
}

TEST(Tokenizer, PrefersTheLongestAddedToken) {
  const testing::TokenizerTables tables(smallVocabulary());
  const Tokenizer tokenizer = Tokenizer::create(tables.get()).value();
  EXPECT_THAT(tokenizer.encode("ab<x>yab<x>").value(), ElementsAre(256, 258, 256, 257));
}

TEST(Tokenizer, RefusesDamagedTables) {
  const auto message = [](const testing::Vocabulary &vocabulary) {
    const testing::TokenizerTables tables(vocabulary);
    return std::string(Tokenizer::create(tables.get()).status().message());
  };
  EXPECT_THAT(message(smallVocabulary()), IsEmpty());
  auto outOfRange = smallVocabulary();
  outOfRange.merges.push_back({'a', 9999, 256});
  EXPECT_THAT(message(outOfRange), HasSubstr("a merge is out of range"));
  auto twice = smallVocabulary();
  twice.merges.push_back({'a', 'b', 256});
  EXPECT_THAT(message(twice), HasSubstr("merges are not sorted"));
  auto unsorted = smallVocabulary();
  std::swap(unsorted.added[0], unsorted.added[1]);
  EXPECT_THAT(message(unsorted), HasSubstr("added tokens are not sorted"));
  auto nameless = smallVocabulary();
  nameless.added[0].content = "";
  EXPECT_THAT(message(nameless), HasSubstr("no text"));
  EXPECT_THAT(message({}), HasSubstr("byte id"));
}

} // namespace
} // namespace qvlrt
