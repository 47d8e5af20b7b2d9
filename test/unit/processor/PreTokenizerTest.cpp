#include "qvlrt/pre_tokenizer.h"

#include <cstdlib>
#include <ctime>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "Goldens.h"
#include "lib/Processor/Normalizer.h"
#include "qvlrt/utf8.h"

namespace qvlrt {
namespace {

using ::testing::ElementsAre;

std::vector<std::string> split(const std::string &text) {
  const std::string normalized = normalizeNfc(text);
  std::vector<std::string> chunks;
  for (std::string_view chunk : splitIntoChunks(normalized))
    chunks.emplace_back(chunk);
  return chunks;
}

// Check C19 of the model specification.
TEST(PreTokenizer, SplitsTheExamplesOfTheSpecification) {
  EXPECT_THAT(split("I'll pay $12,345.67!"), ElementsAre("I", "'ll", " pay", " $", "1", "2", ",",
                                                         "3", "4", "5", ".", "6", "7", "!"));
  EXPECT_THAT(split("'tis 'Twas it'S"), ElementsAre("'t", "is", " '", "Twas", " it", "'S"));
  EXPECT_THAT(split("a   b "), ElementsAre("a", "  ", " b", " "));
  EXPECT_THAT(split("x\n\n  y"), ElementsAre("x", "\n\n", " ", " y"));
  EXPECT_THAT(split("  \n  z"), ElementsAre("  \n", " ", " z"));
  EXPECT_THAT(split("end.\n\nNext"), ElementsAre("end", ".\n\n", "Next"));
  EXPECT_THAT(split("foo\r\nbar"), ElementsAre("foo", "\r\n", "bar"));
  EXPECT_THAT(split("\tTab"), ElementsAre("\tTab"));
  EXPECT_THAT(split("tab\t\tx"), ElementsAre("tab", "\t", "\tx"));
  EXPECT_THAT(split("(a)"), ElementsAre("(a", ")"));
  EXPECT_THAT(split("e\u0301"), ElementsAre("\u00E9"));
  EXPECT_THAT(split("中文abc 123"), ElementsAre("中文abc", " ", "1", "2", "3"));
  EXPECT_THAT(split("\U0001F642ok"), ElementsAre("\U0001F642ok"));
  EXPECT_THAT(split("\u00A0x"), ElementsAre("\u00A0x"));
}

TEST(PreTokenizer, FoldsCaseOfContractionsAsTheExpressionDoes) {
  EXPECT_THAT(split("it'\u017F"), ElementsAre("it", "'\u017F")); // long s is an s
  EXPECT_THAT(split("WE'RE"), ElementsAre("WE", "'RE"));
  EXPECT_THAT(split("it\u2019s"), ElementsAre("it", "\u2019s"));
}

TEST(PreTokenizer, ClassesAreThoseOfUnicode16) {
  const auto golden = testing::readJson(testing::goldenPath("tokenizer/unicode16.json"));
  std::vector<CharacterClass> expected(0x110000, CharacterClass::Other);
  for (const auto &[key, value] :
       {std::pair("L", CharacterClass::Letter), std::pair("N", CharacterClass::Number),
        std::pair("White_Space", CharacterClass::WhiteSpace)})
    for (const auto &range : golden[key]["ranges"])
      std::fill(expected.begin() + range[0].get<int>(), expected.begin() + range[1].get<int>() + 1,
                value);
  for (char32_t point = 0; point < expected.size(); ++point)
    ASSERT_EQ(classify(point), expected[point])
        << "U+" << std::hex << static_cast<std::uint32_t>(point);
}

TEST(PreTokenizer, ClassTableIsWhatItsGeneratorWrites) {
  if (std::system("python3 -c '' 2>/dev/null") != 0)
    GTEST_SKIP() << "python3 is missing";
  EXPECT_EQ(std::system("python3 " QVL_SOURCE_DIR "/tools/unicode/make_unicode_tables.py --check"),
            0);
}

TEST(PreTokenizer, CoversEveryTextWithoutGaps) {
  const char *parts[] = {"a", "B",  "7",  " ", "\n", "\r",     "'s",
                         "'", "\t", "中", "é", "!",  "\u00A0", "\u0301"};
  std::uint32_t state = 1;
  for (int round = 0; round < 2000; ++round) {
    std::string text;
    for (int i = 0; i < 12; ++i)
      text += parts[((state = state * 1664525 + 1013904223) >> 16) % std::size(parts)];
    std::string joined;
    for (std::string_view chunk : splitIntoChunks(text)) {
      ASSERT_FALSE(chunk.empty());
      joined += chunk;
    }
    ASSERT_EQ(joined, text);
  }
}

TEST(Normalizer, ComposesAndOrders) {
  EXPECT_EQ(normalizeNfc("A\u030A"), "\u00C5");
  EXPECT_EQ(normalizeNfc("\u212B"), "\u00C5");               // ANGSTROM SIGN
  EXPECT_EQ(normalizeNfc("q\u0307\u0323"), "q\u0323\u0307"); // marks sorted by class
  EXPECT_EQ(normalizeNfc("\u1100\u1161\u11A8"), "\uAC01");   // Hangul
  EXPECT_EQ(normalizeNfc("\u0958"), "\u0915\u093C");         // excluded from composition
  EXPECT_EQ(normalizeNfc("plain \xC3\xA9"), "plain \xC3\xA9");
}

TEST(Normalizer, StaysFastOnLongRunsOfMarks) {
  std::string text = "a";
  for (int i = 0; i < 200000; ++i)
    text += i % 2 ? "\u0323" : "\u0307";
  const std::clock_t start =
      std::clock(); // processor time: other programs may keep the machine busy
  const std::string normalized = normalizeNfc(text);
  EXPECT_LT(std::clock() - start, 5 * CLOCKS_PER_SEC);
  EXPECT_EQ(normalized.substr(0, 3), "\u1EA1"); // a with dot below
}

} // namespace
} // namespace qvlrt
