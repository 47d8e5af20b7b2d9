// Streaming: whole characters only, stop strings over token borders, pieces that add up.
#include "qvlrt/streaming.h"

#include "byte_tokenizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace qvlrt {
namespace {

using ::testing::HasSubstr;

/// Pushes the pieces until a stop string is found; the text that came out.
std::string match(const std::vector<std::string> &stops, const std::vector<std::string> &pieces) {
  StopStringMatcher matcher(stops);
  std::string text;
  for (const std::string &piece : pieces)
    text += matcher.push(piece);
  return text + matcher.finish();
}

TEST(StopStringMatcher, HoldsBackWhatCouldStillMatch) {
  StopStringMatcher matcher({"abcd"});
  EXPECT_EQ(matcher.push("xab"), "x");
  EXPECT_EQ(matcher.push("c"), "");
  EXPECT_EQ(matcher.push("e"), "abce");
  EXPECT_EQ(matcher.push("ab"), "");
  EXPECT_FALSE(matcher.stopped());
  EXPECT_EQ(matcher.finish(), "ab") << "the answer ended before the stop string was complete";
}

TEST(StopStringMatcher, FindsAMatchThatBeginsInsideAFailedOne) {
  StopStringMatcher matcher({"aab"});
  EXPECT_EQ(matcher.push("aa"), "");
  EXPECT_EQ(matcher.push("ab!"), "a");
  EXPECT_TRUE(matcher.stopped());
  EXPECT_EQ(matcher.push("more"), "");
}

TEST(StopStringMatcher, DoesNotDependOnTheCut) {
  const std::vector<std::string> stops{"b", "abc", "xb"};
  EXPECT_EQ(match(stops, {"zabc"}), "za");
  EXPECT_EQ(match(stops, {"za", "bc"}), "za");
  EXPECT_EQ(match(stops, {"zxb"}), "z") << "the longest of the matches that end together";
  EXPECT_EQ(match(stops, {"zx", "b"}), "z");
}

TEST(StopStrings, UnusableOnesAreRefused) {
  EXPECT_THAT(std::string(validateStopStrings({"a", ""}).message()), HasSubstr("empty"));
  EXPECT_THAT(std::string(validateStopStrings({"\xFF"}).message()), HasSubstr("UTF-8"));
  EXPECT_TRUE(validateStopStrings({"\n\n", "\u4E2D"}).ok());
}

class TextStreamTest : public ::testing::Test {
protected:
  struct Streamed {
    std::string pieces;
    std::string text;
    bool stopped;
  };

  /// Streams `bytes` one byte a token.
  Streamed stream(std::vector<std::string> stops, std::string_view bytes) {
    TextStream text(tokenizer, std::move(stops));
    std::string pieces;
    for (char byte : bytes) {
      const std::string piece = text.push(static_cast<unsigned char>(byte));
      EXPECT_EQ(replaceInvalid(piece), piece) << "a piece cuts a character";
      pieces += piece;
    }
    pieces += text.finish();
    return {pieces, text.text(), text.stopped()};
  }

  /// The reference decoder, on whole input.
  std::string replaceInvalid(std::string_view bytes) {
    std::vector<std::int64_t> ids;
    for (char byte : bytes)
      ids.push_back(static_cast<unsigned char>(byte));
    return tokenizer.decode(ids, /*skipSpecial=*/true);
  }

  ByteTokenizer tables;
  Tokenizer tokenizer = *tables.create();
};

TEST_F(TextStreamTest, PiecesConcatenateToTheDecodedText) {
  for (const std::string bytes : {
           "Sm\xC3\xB8r \xF0\x9F\x99\x82",     // whole characters
           "\xF0\x9F\x99",                     // an end inside a character
           "a\xE2\x82z\x80\xFF",               // invalid parts
           "\xED\xA0\x80 \xF4\x90\x80\x80 \n", // a surrogate, beyond Unicode
       }) {
    const Streamed streamed = stream({}, bytes);
    EXPECT_EQ(streamed.text, replaceInvalid(bytes));
    EXPECT_EQ(streamed.pieces, streamed.text);
    EXPECT_FALSE(streamed.stopped);
  }
}

TEST_F(TextStreamTest, StopsOnAStringOfSeveralBytesAndTokens) {
  const Streamed streamed =
      stream({"STOP", "\U0001F643"}, "Sm\xC3\xB8r \xF0\x9F\x99\x82 STO\xC3\xB8 \xF0\x9F\x99\x83!");
  EXPECT_TRUE(streamed.stopped);
  EXPECT_EQ(streamed.text, "Sm\u00F8r \U0001F642 STO\u00F8 ");
  EXPECT_EQ(streamed.pieces, streamed.text);
}

TEST_F(TextStreamTest, DropsSpecialTokens) {
  TextStream text(tokenizer, {});
  EXPECT_EQ(text.push('a'), "a");
  EXPECT_EQ(text.push(ByteTokenizer::kEnd), "");
  EXPECT_EQ(text.push('b'), "b");
  EXPECT_EQ(text.finish(), "");
  EXPECT_EQ(text.text(), "ab");
}

} // namespace
} // namespace qvlrt
