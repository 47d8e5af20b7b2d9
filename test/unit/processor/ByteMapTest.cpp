#include "qvlfmt/ByteMap.h"

#include <set>

#include <gtest/gtest.h>

namespace {

TEST(ByteMap, HasTheValuesOfTheSpecification) {
  EXPECT_EQ(qvlfmt::kByteToCodePoint['A'], 'A');
  EXPECT_EQ(qvlfmt::kByteToCodePoint[0x00], 0x100);
  EXPECT_EQ(qvlfmt::kByteToCodePoint[0x0A], 0x10A);
  EXPECT_EQ(qvlfmt::kByteToCodePoint[0x20], 0x120);
  EXPECT_EQ(qvlfmt::kByteToCodePoint[0x7F], 0x121);
  EXPECT_EQ(qvlfmt::kByteToCodePoint[0xA0], 0x142);
  EXPECT_EQ(qvlfmt::kByteToCodePoint[0xAD], 0x143);
}

TEST(ByteMap, IsInvertible) {
  std::set<unsigned> seen;
  for (int byte = 0; byte < 256; ++byte) {
    EXPECT_EQ(qvlfmt::byteOfCodePoint(qvlfmt::kByteToCodePoint[byte]), byte);
    seen.insert(qvlfmt::kByteToCodePoint[byte]);
  }
  EXPECT_EQ(seen.size(), 256U);
}

TEST(ByteMap, KnowsCodePointsThatStandForNoByte) {
  EXPECT_EQ(qvlfmt::byteOfCodePoint(' '), -1);
  EXPECT_EQ(qvlfmt::byteOfCodePoint(qvlfmt::kByteMapEnd), -1);
  EXPECT_EQ(qvlfmt::byteOfCodePoint(0x10FFFF), -1);
}

} // namespace
