// Atomics: sums and order-free results over many threads and blocks.
#include "Simulation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>

namespace qvlsim::test {
namespace {

using U32 = std::uint32_t;
using U64 = std::uint64_t;

/// The word at %w90 after 4 blocks of 64 threads ran `body` on it; it starts as `start`.
U32 afterwards(std::string_view body, U32 start) {
  Simulation s(kernelText(body));
  EXPECT_TRUE(s.status().ok()) << s.status();
  if (!s.status().ok())
    return 0;
  s.options.threads = 2;
  U64 word = s.upload(std::vector<U32>{start, 0});
  EXPECT_EQ(faultOf(s.run("k", {4}, {64}, word)), "");
  return s.download<U32>(word, 1)[0];
}

TEST(Atomics, OperationsOnWords) {
  EXPECT_EQ(afterwards("atom.global.add.u32 %r1, [%w90], %r90;", 5), 5 + 4 * (63 * 64 / 2));
  EXPECT_EQ(afterwards("red.global.add.u32 [%w90], 1;", 0), 256U);
  EXPECT_EQ(afterwards("red.max.s32 [%w90], %r90;", 0xFFFFFFFF), 63U);
  EXPECT_EQ(afterwards("red.min.u32 [%w90], %r90;", 0xFFFFFFFF), 0U);
  EXPECT_EQ(afterwards("and.b32 %r1, %r90, 31; shl.b32 %r2, 1, %r1; red.or.b32 [%w90], %r2;", 0),
            0xFFFFFFFFU);
  EXPECT_EQ(afterwards("red.xor.b32 [%w90], 0xF0;", 0xAA), 0xAAU); // an even number of times
  EXPECT_EQ(afterwards("red.inc.u32 [%w90], 9;", 0), 256U % 10);
  EXPECT_EQ(afterwards("red.dec.u32 [%w90], 9;", 0), 4U); // 0, 9, 8, ..., period 10: -256 mod 10
  EXPECT_EQ(afterwards("red.global.add.f32 [%w90], 0f3F000000;", std::bit_cast<U32>(1.0f)),
            std::bit_cast<U32>(129.0f));
  EXPECT_EQ(afterwards("mov.b32 %r1, 0x3C003C00; red.global.add.noftz.f16x2 [%w90], %r1;", 0),
            0x5C005C00U); // 256 ones
}

TEST(Atomics, CompareAndSwapLoops) {
  EXPECT_EQ(
      afterwards("ld.relaxed.gpu.global.u32 %r1, [%w90];\nL: add.u32 %r2, %r1, 3; mov.u32 %r3, "
                 "%r1; atom.cas.b32 %r1, [%w90], %r3, %r2; setp.ne.u32 %p1, %r1, %r3; @%p1 bra L;",
                 0),
      768U);
}

TEST(Atomics, ReturnTheOldValueInLaneOrder) {
  auto out = mapWords(".shared .b32 s; setp.eq.u32 %p1, %r90, 0; @%p1 st.shared.u32 [s], 50; "
                      "bar.sync 0; atom.shared.add.u32 %r1, [s], 2;",
                      std::vector<U32>(32, 0));
  for (U32 i = 0; i < 32; ++i)
    EXPECT_EQ(out[i], 50 + 2 * i);
}

TEST(Atomics, WideAndVector) {
  Simulation s(kernelText(
      "{ .reg .b128 a, b, c; mov.b128 b, {0, 0}; mov.b128 c, {5, 6}; atom.cas.b128 a, [%w90], b, "
      "c; mov.b128 {%w1, %w2}, a; } atom.global.add.v2.f32 {%f1, %f2}, [%w90+16], {0f3F800000, "
      "0f40000000}; red.global.add.f64 [%w90+24], 0d4000000000000000;"));
  ASSERT_TRUE(s.status().ok()) << s.status();
  U64 data = s.upload(std::vector<U64>{0, 0, 0, std::bit_cast<U64>(1.5)});
  EXPECT_EQ(faultOf(s.run("k", {1}, {1}, data)), "");
  EXPECT_EQ(s.download<U64>(data, 4),
            (std::vector<U64>{5, 6, U64{0x40000000} << 32 | 0x3F800000, std::bit_cast<U64>(3.5)}));
}

TEST(Atomics, RefuseWhatDoesNotExist) {
  EXPECT_FALSE(Module::parse(kernelText("atom.global.and.f32 %f1, [%w90], %f2;"), "t.ptx").ok());
  EXPECT_FALSE(Module::parse(kernelText("red.cas.b32 [%w90], %r1, %r2;"), "t.ptx").ok());
  EXPECT_FALSE(
      Module::parse(kernelText("atom.add.f16 %h1, [%w90], %h2;"), "t.ptx").ok()); // needs .noftz
}

} // namespace
} // namespace qvlsim::test
