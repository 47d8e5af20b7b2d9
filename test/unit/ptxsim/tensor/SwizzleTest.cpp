// Swizzles and descriptors against the pictures of the PTX ISA (section 9.7.15.5.1): a row of the
// pattern is `span` bytes; in 128-byte mode chunk c of row r lies at c xor r, in 64-byte mode at
// c xor (r / 2), in 32-byte mode at c xor (r / 4).
#include "Async/MatrixDescriptor.h"

#include <gtest/gtest.h>

namespace qvlsim {
namespace {

TEST(SwizzleTest, PermutesChunksOfRows) {
  struct Mode {
    Swizzle swizzle;
    unsigned span, rowsPerStep;
  };
  for (const Mode mode : {Mode{Swizzle::Bytes128, 128, 1}, Mode{Swizzle::Bytes64, 64, 2},
                          Mode{Swizzle::Bytes32, 32, 4}})
    for (unsigned row = 0; row < 8; ++row)
      for (unsigned chunk = 0; chunk < mode.span / 16; ++chunk) {
        const unsigned moved = chunk ^ (row / mode.rowsPerStep);
        EXPECT_EQ(swizzled(2048 + row * mode.span + chunk * 16 + 5, mode.swizzle),
                  2048 + row * mode.span + moved * 16 + 5);
      }
  EXPECT_EQ(swizzled(0x3F5, Swizzle::None), 0x3F5u);
}

TEST(MatrixDescriptorTest, DecodesItsFields) {
  const std::uint64_t bits = std::uint64_t{0x1230 >> 4} | std::uint64_t{0x80 >> 4} << 16 |
                             std::uint64_t{1024 >> 4} << 32 | std::uint64_t{3} << 49 |
                             std::uint64_t{2} << 62;
  const MatrixDescriptor d = decodeMatrixDescriptor(bits);
  EXPECT_EQ(d.start, 0x1230u);
  EXPECT_EQ(d.leadingOffset, 0x80u);
  EXPECT_EQ(d.strideOffset, 1024u);
  EXPECT_EQ(d.baseOffset, 3);
  EXPECT_EQ(d.swizzle, Swizzle::Bytes64);
  EXPECT_TRUE(descriptorProblem(bits).empty());
  EXPECT_FALSE(descriptorProblem(bits | std::uint64_t{1} << 14).empty());
}

TEST(MatrixDescriptorTest, BaseOffsetMovesThePattern) {
  // A pattern that starts two rows of 128 bytes behind an aligned address: its row 0 is not moved.
  const MatrixDescriptor d{
      .start = 4096 + 256, .strideOffset = 1024, .baseOffset = 2, .swizzle = Swizzle::Bytes128};
  EXPECT_EQ(matrixElementOffset(d, false, 2, 0, 8), 4096u + 256 + 16);
  EXPECT_EQ(matrixElementOffset(d, false, 2, 1, 0), 4096u + 256 + 128 + 16);
}

} // namespace
} // namespace qvlsim
