// Shuffles, votes, matches, reductions: tables of the PTX ISA worked out by hand.
#include "Simulation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>

namespace qvlsim::test {
namespace {

using testing::HasSubstr;
using testing::StartsWith;
using U32 = std::uint32_t;

std::vector<U32> lanes() {
  std::vector<U32> values(32);
  for (U32 i = 0; i < 32; ++i)
    values[i] = 100 + i;
  return values;
}
std::vector<U32> shuffle(const std::string &operands) {
  return mapWords("shfl.sync." + operands + ", 0xFFFFFFFF; @!%p1 add.u32 %r1, %r1, 1000;", lanes());
}
std::string fault(std::string_view body, U32 threads = 32) {
  Simulation s(kernelText(body, 0));
  EXPECT_TRUE(s.status().ok()) << s.status();
  return s.status().ok() ? faultOf(s.run("k", {1}, {threads})) : "";
}

TEST(Shuffle, AllModes) {
  auto up = shuffle("up.b32 %r1|%p1, %r0, 3, 0"), down = shuffle("down.b32 %r1|%p1, %r0, 5, 31"),
       butterfly = shuffle("bfly.b32 %r1|%p1, %r0, 12, 31");
  auto index = shuffle("idx.b32 %r1|%p1, %r0, 7, 31");
  for (U32 i = 0; i < 32; ++i) {
    EXPECT_EQ(up[i], i >= 3 ? 100 + i - 3 : 1100 + i);
    EXPECT_EQ(down[i], i + 5 < 32 ? 100 + i + 5 : 1100 + i);
    EXPECT_EQ(butterfly[i], 100 + (i ^ 12));
    EXPECT_EQ(index[i], 107U);
  }
}

TEST(Shuffle, SegmentsOfEight) {
  // Segment mask 0x18 (sub-warps of 8): c = 0x1800 | clamp.
  auto down = shuffle("down.b32 %r1|%p1, %r0, 3, 0x1807"),
       index = shuffle("idx.b32 %r1|%p1, %r0, 2, 0x181F"),
       up = shuffle("up.b32 %r1|%p1, %r0, 1, 0x1800");
  for (U32 i = 0; i < 32; ++i) {
    EXPECT_EQ(down[i], i % 8 + 3 < 8 ? 100 + i + 3 : 1100 + i) << i;
    EXPECT_EQ(index[i], 100 + i / 8 * 8 + 2) << i;
    EXPECT_EQ(up[i], i % 8 >= 1 ? 100 + i - 1 : 1100 + i) << i;
  }
}

TEST(Collectives, MembersMustBeThere) {
  EXPECT_THAT(
      fault("setp.lt.u32 %p1, %r90, 8; @%p1 shfl.sync.idx.b32 %r1, %r90, 0, 31, 0xFFFFFFFF;"),
      StartsWith("partial-warp-collective"));
  EXPECT_EQ(fault("setp.lt.u32 %p1, %r90, 8; @%p1 shfl.sync.idx.b32 %r1, %r90, 0, 31, 0xFF;"), "");
  EXPECT_THAT(fault("setp.lt.u32 %p1, %r90, 8; @%p1 ret; vote.sync.any.pred %p2, %p1, 0xFFFFFFFF;"),
              HasSubstr("have exited"));
  EXPECT_THAT(fault("vote.sync.ballot.b32 %r1, 1, 0xFFFFFFFF;", 16), HasSubstr("do not exist"));
  EXPECT_THAT(fault("redux.sync.add.u32 %r1, %r90, 0x0000FFFF;"),
              HasSubstr("does not name the executing lane"));
  EXPECT_THAT(fault("bar.warp.sync 0x1;"), StartsWith("partial-warp-collective"));
}

TEST(Vote, CountsOnlyMembers) {
  auto out = mapWords("setp.gt.u32 %p1, %r0, 110; vote.sync.ballot.b32 %r1, %p1, 0xFFFFFFFF; "
                      "vote.sync.all.pred %p2, %p1, 0xFFFFFFFF; vote.sync.any.pred %p3, %p1, "
                      "0xFFFFFFFF; vote.sync.uni.pred %p4, !%p1, 0xFFFFFFFF;\n"
                      "@%p2 mov.u32 %r1, 0; @!%p3 mov.u32 %r1, 0; @%p4 mov.u32 %r1, 0;",
                      lanes());
  for (U32 v : out)
    EXPECT_EQ(v, 0xFFFFF800U); // lanes 11 to 31
}

TEST(Match, GroupsEqualValues) {
  auto out = mapWords("rem.u32 %r4, %r0, 3; match.any.sync.b32 %r1, %r4, 0xFFFFFFFF;", lanes());
  for (U32 i = 0; i < 32; ++i) {
    U32 expected = 0;
    for (U32 j = i % 3; j < 32; j += 3)
      expected |= 1U << j;
    EXPECT_EQ(out[i], expected);
  }
  auto all = mapWords("match.all.sync.b32 %r1|%p1, 5, 0xFFFFFFFF; @!%p1 mov.u32 %r1, 1;", lanes());
  EXPECT_EQ(all[3], 0xFFFFFFFFU);
}

TEST(Redux, AllOperations) {
  std::vector<U32> in(32);
  U32 sum = 0, conjunction = ~0U, parity = 0;
  std::int32_t least = INT32_MAX;
  U32 greatest = 0;
  for (U32 i = 0; i < 32; ++i) {
    in[i] = i * 2654435761U;
    sum += in[i];
    conjunction &= in[i];
    parity ^= in[i];
    least = std::min(least, static_cast<std::int32_t>(in[i]));
    greatest = std::max(greatest, in[i]);
  }
  auto redux = [&](const std::string &op) {
    return mapWords("redux.sync." + op + " %r1, %r0, 0xFFFFFFFF;", in)[17];
  };
  EXPECT_EQ(redux("add.u32"), sum);
  EXPECT_EQ(redux("and.b32"), conjunction);
  EXPECT_EQ(redux("xor.b32"), parity);
  EXPECT_EQ(static_cast<std::int32_t>(redux("min.s32")), least);
  EXPECT_EQ(redux("max.u32"), greatest);
}

TEST(Redux, TilesOfAWarpAreCollectivesOfTheirOwn) {
  auto out = mapWords(
      "and.b32 %r4, %r90, 16; shl.b32 %r5, 0xFFFF, %r4; redux.sync.add.u32 %r1, %r90, %r5;",
      lanes());
  EXPECT_EQ(out[3], 120U);        // 0 + ... + 15
  EXPECT_EQ(out[20], 120U + 256); // 16 + ... + 31
}

TEST(Elect, PicksTheLowestMember) {
  auto out = mapWords("mov.u32 %r1, 0; setp.ge.u32 %p1, %r0, 105; @%p1 elect.sync %r1|%p2, "
                      "0xFFFFFFE0; @%p1 selp.u32 %r4, 50, 0, %p2; @%p1 add.u32 %r1, %r1, %r4;",
                      lanes());
  EXPECT_EQ(out[5], 55U);
  EXPECT_EQ(out[6], 5U);
  EXPECT_EQ(out[0], 0U);
}

} // namespace
} // namespace qvlsim::test
