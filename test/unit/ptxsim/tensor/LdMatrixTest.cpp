// ldmatrix and stmatrix against the placement of PTX ISA section 9.7.14.5.15.
#include "Simulation.h"

#include <gtest/gtest.h>

namespace qvlsim::test {
namespace {

/// Copies 64 bytes a thread between global memory and the 512 bytes of `tile`, 16 bytes a lane.
constexpr const char *kSetUp =
    ".shared .align 16 .b8 tile[512];\n"
    "mov.u32 %r80, tile; shl.b32 %r81, %r90, 4; add.u32 %r80, %r80, %r81;\n"
    "cvt.u64.u32 %w80, %r81; add.u64 %w81, %w90, %w80; add.u64 %w82, %w91, %w80;\n";

std::vector<std::uint16_t> numbered() {
  std::vector<std::uint16_t> values(256);
  for (unsigned e = 0; e < 256; ++e)
    values[e] = static_cast<std::uint16_t>(0x1000 + e);
  return values;
}

struct Count {
  unsigned matrices;
  bool transposed;
};
std::string suffix(Count c) {
  return ".x" + std::to_string(c.matrices) + (c.transposed ? ".trans" : "") + ".shared.b16";
}
std::string registers(unsigned n) {
  return n == 1 ? "{%r1}" : n == 2 ? "{%r1,%r2}" : "{%r1,%r2,%r3,%r4}";
}
/// Element of matrix q that half e of the lane's register holds; element (r, c) has number 8 r + c.
unsigned element(unsigned q, unsigned lane, unsigned e, bool transposed) {
  const unsigned row = lane / 4, column = lane % 4 * 2 + e;
  return 64 * q + (transposed ? column * 8 + row : row * 8 + column);
}

class Matrices : public testing::TestWithParam<Count> {};

TEST_P(Matrices, Loads) {
  const Count c = GetParam();
  std::string body = kSetUp;
  body +=
      "ld.global.v4.b32 {%r1,%r2,%r3,%r4}, [%w81]; st.shared.v4.b32 [%r80], {%r1,%r2,%r3,%r4};\n"
      "mov.u32 %r1, 0; mov.u32 %r2, 0; mov.u32 %r3, 0; mov.u32 %r4, 0; bar.warp.sync 0xffffffff;\n"
      "ldmatrix.sync.aligned.m8n8" +
      suffix(c) + " " + registers(c.matrices) +
      ", [%r80];\nst.global.v4.b32 [%w82], {%r1,%r2,%r3,%r4};";
  Simulation s(kernelText(body, 2));
  ASSERT_TRUE(s.status().ok()) << s.status();
  const std::uint64_t out = s.fresh(512);
  EXPECT_EQ(faultOf(s.run("k", {1}, {32}, s.upload(numbered()), out)), "");
  const auto result = s.download<std::uint16_t>(out, 256);
  for (unsigned lane = 0; lane < 32; ++lane)
    for (unsigned q = 0; q < c.matrices; ++q)
      for (unsigned e = 0; e < 2; ++e)
        EXPECT_EQ(result[lane * 8 + q * 2 + e], 0x1000 + element(q, lane, e, c.transposed));
}

TEST_P(Matrices, Stores) {
  const Count c = GetParam();
  std::string body = kSetUp;
  body += "ld.global.v4.b32 {%r1,%r2,%r3,%r4}, [%w81]; mov.u32 %r5, 0;\n"
          "st.shared.v4.b32 [%r80], {%r5,%r5,%r5,%r5}; bar.warp.sync 0xffffffff;\n"
          "stmatrix.sync.aligned.m8n8" +
          suffix(c) + " [%r80], " + registers(c.matrices) +
          ";\nbar.warp.sync 0xffffffff; ld.shared.v4.b32 {%r1,%r2,%r3,%r4}, [%r80];\n"
          "st.global.v4.b32 [%w82], {%r1,%r2,%r3,%r4};";
  Simulation s(kernelText(body, 2));
  ASSERT_TRUE(s.status().ok()) << s.status();
  const std::uint64_t out = s.fresh(512);
  EXPECT_EQ(faultOf(s.run("k", {1}, {32}, s.upload(numbered()), out)), "");
  const auto result = s.download<std::uint16_t>(out, 256);
  for (unsigned lane = 0; lane < 32; ++lane)
    for (unsigned q = 0; q < c.matrices; ++q)
      for (unsigned e = 0; e < 2; ++e)
        EXPECT_EQ(result[element(q, lane, e, c.transposed)], 0x1000 + lane * 8 + q * 2 + e);
}

INSTANTIATE_TEST_SUITE_P(All, Matrices,
                         testing::Values(Count{1, false}, Count{2, false}, Count{4, false},
                                         Count{1, true}, Count{2, true}, Count{4, true}));

TEST(LdMatrixTest, ReportsMisalignedRows) {
  std::string body = kSetUp;
  body += "add.u32 %r80, %r80, 8; ldmatrix.sync.aligned.m8n8.x1.shared.b16 {%r1}, [%r80];";
  Simulation s(kernelText(body, 2));
  ASSERT_TRUE(s.status().ok()) << s.status();
  const auto result = s.run("k", {1}, {32}, s.fresh(512), s.fresh(512));
  ASSERT_TRUE(result.fault);
  EXPECT_EQ(result.fault->kind, FaultKind::Misaligned);
}

TEST(LdMatrixTest, RefusesEightBitForms) {
  Simulation s(kernelText("ldmatrix.sync.aligned.m16n16.x1.trans.shared.b8 {%r1,%r2}, [%r90];"));
  EXPECT_NE(std::string(s.status().message()).find("8-bit"), std::string::npos) << s.status();
}

} // namespace
} // namespace qvlsim::test
