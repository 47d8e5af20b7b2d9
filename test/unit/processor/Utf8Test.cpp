#include "qvlrt/utf8.h"

#include <cstdint>

#include <gtest/gtest.h>

namespace qvlrt {
namespace {

const std::string kBad = "\xEF\xBF\xBD";

TEST(Utf8, RoundTripsEveryCodePoint) {
  for (char32_t point = 0; point < 0x110000; ++point) {
    if (point >= 0xD800 && point < 0xE000)
      continue;
    std::string text;
    appendUtf8(text, point);
    const Utf8Step step = decodeUtf8(text, 0);
    ASSERT_TRUE(step.valid) << "U+" << std::hex << static_cast<std::uint32_t>(point);
    ASSERT_EQ(step.codePoint, point);
    ASSERT_EQ(step.bytes, static_cast<int>(text.size()));
    ASSERT_EQ(incompleteUtf8Tail(text), 0U);
    for (std::size_t cut = 1; cut < text.size(); ++cut)
      ASSERT_EQ(incompleteUtf8Tail(text.substr(0, cut)), cut)
          << "U+" << std::hex << static_cast<std::uint32_t>(point);
  }
}

TEST(Utf8, ReplacesEachMaximalInvalidPart) {
  EXPECT_EQ(replaceInvalidUtf8("a\xFFz"), "a" + kBad + "z");
  EXPECT_EQ(replaceInvalidUtf8("\xC0\xAF"), kBad + kBad);            // overlong
  EXPECT_EQ(replaceInvalidUtf8("\xED\xA0\x80"), kBad + kBad + kBad); // surrogate
  EXPECT_EQ(replaceInvalidUtf8("\xF4\x90\x80\x80"), kBad + kBad + kBad + kBad);
  EXPECT_EQ(replaceInvalidUtf8("\xE2\x82"
                               "A"),
            kBad + "A"); // two good bytes are one part
  EXPECT_EQ(replaceInvalidUtf8("\xF0\x9F\x98"), kBad);
  EXPECT_EQ(replaceInvalidUtf8("\xF0\x9F\x98\xE2"), kBad + kBad);
  EXPECT_EQ(replaceInvalidUtf8(std::string("\0x", 2)), std::string("\0x", 2));
}

TEST(Utf8, HoldsBackOnlyWhatCouldBeCompleted) {
  EXPECT_EQ(incompleteUtf8Tail(""), 0U);
  EXPECT_EQ(incompleteUtf8Tail("a"), 0U);
  EXPECT_EQ(incompleteUtf8Tail("a\x80"), 0U);
  EXPECT_EQ(incompleteUtf8Tail("a\xFF"), 0U);
  EXPECT_EQ(incompleteUtf8Tail("\xE0\x80"), 0U); // no character continues like this
  EXPECT_EQ(incompleteUtf8Tail("\xF0\x9F"), 2U);
  EXPECT_EQ(incompleteUtf8Tail("\xF0\x9F\x98"), 3U);
}

} // namespace
} // namespace qvlrt
