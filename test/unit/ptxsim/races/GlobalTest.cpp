// Races in global memory.
#include "Program.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace qvlsim::test {
namespace {

using testing::HasSubstr;

TEST(GlobalRaces, InACta) {
  expectRule({"st.global.u32 [%w81], %r90;\n<<bar.sync 0;>>\nxor.b32 %r1, %r93, 128; "
              "cvt.u64.u32 %w1, %r1; add.u64 %w1, %w93, %w1; ld.global.u32 %r2, [%w1];"},
             "global-race");
}

TEST(GlobalRaces, BetweenCtas) {
  // Blocks write their own words, or all the same ones.
  expectRule({"<<mad.lo.u32 %r93, %r95, 256, %r93;>>\ncvt.u64.u32 %w1, %r93; add.u64 %w1, %w93, "
              "%w1; st.global.u32 [%w1], %r90;",
              {4}},
             "global-race");
  // Reads alone do not race.
  expectClean({"ld.global.u32 %r1, [%w80]; ld.global.v2.u32 {%r2, %r3}, [%w90];", {8}});
}

TEST(GlobalRaces, ReadInAnotherCta) {
  const std::string fault =
      raceOf({"setp.eq.u32 %p1, %r95, 1;\n@%p1 st.global.u32 [%w90], 1;\n@!%p1 ld.global.u32 %r1, "
              "[%w90];",
              {2},
              {1}},
             true);
  EXPECT_THAT(fault, HasSubstr("global-race"));
  EXPECT_THAT(fault, HasSubstr("block ("));
}

TEST(GlobalRaces, AtomicsDoNotRace) {
  expectClean({"red.global.add.u32 [%w90], 1; atom.global.add.u32 %r1, [%w90+4], 2;", {8}});
  EXPECT_THAT(raceOf({"red.global.add.u32 [%w90], 1; ld.global.u32 %r1, [%w90];", {2}}, true),
              HasSubstr("global-race"));
  // .cta covers no other block.
  EXPECT_THAT(raceOf({"red.relaxed.cta.global.add.u32 [%w90], 1;", {2}}, true),
              HasSubstr("global-race"));
}

// Thread 0 of block 0 hands a word to thread 0 of block 1 through a flag at %w90 (0 at first).
std::string handOver(const std::string &store, const std::string &load) {
  return "@!%p19 bra E;\nsetp.eq.u32 %p1, %r95, 0;\n@!%p1 bra C;\nst.global.u32 [%w91], 7;\n" +
         store + "\nbra E;\nC: " + load +
         "\nsetp.eq.u32 %p2, %r2, 0;\n@%p2 bra C;\nld.global.u32 %r3, [%w91];\nE:";
}

TEST(GlobalRaces, ReleaseAndAcquire) {
  const Dim3 two{2}, one{32};
  expectClean(
      {handOver("st.release.gpu.global.u32 [%w90], 1;", "ld.acquire.gpu.global.u32 %r2, [%w90];"),
       two, one});
  expectRule({handOver("<<fence.acq_rel.gpu;>> st.relaxed.gpu.global.u32 [%w90], 1;",
                       "ld.acquire.gpu.global.u32 %r2, [%w90];"),
              two, one},
             "global-race");
  // Fences on both sides, as __threadfence() makes them, with volatile flags.
  expectClean({handOver("membar.gl; st.volatile.global.u32 [%w90], 1;",
                        "ld.volatile.global.u32 %r2, [%w90]; membar.gl;"),
               two, one});
  EXPECT_THAT(raceOf({handOver("membar.gl; st.volatile.global.u32 [%w90], 1;",
                               "ld.volatile.global.u32 %r2, [%w90];"),
                      two, one},
                     true),
              HasSubstr("global-race"));
  // Scopes that do not reach the other block.
  EXPECT_THAT(raceOf({handOver("fence.acq_rel.cta; st.relaxed.gpu.global.u32 [%w90], 1;",
                               "ld.acquire.gpu.global.u32 %r2, [%w90];"),
                      two, one},
                     true),
              HasSubstr("global-race"));
  // A plain flag.
  EXPECT_THAT(raceOf({handOver("fence.acq_rel.gpu; st.global.u32 [%w90], 1;",
                               "ld.acquire.gpu.global.u32 %r2, [%w90];"),
                      two, one},
                     true),
              HasSubstr("global-race"));
}

TEST(GlobalRaces, LastBlockReduces) {
  // Each block stores a word and counts itself; the last one reads all.
  const std::string body =
      "@!%p19 bra E;\nmul.wide.u32 %w1, %r95, 4; add.u64 %w1, %w93, %w1; st.global.u32 [%w1], "
      "%r95;\n<<fence.acq_rel.gpu;>>\natom.relaxed.gpu.global.add.u32 %r1, [%w90], 1;\n"
      "setp.ne.u32 %p1, %r1, 3;\n@%p1 bra E;\nfence.acq_rel.gpu;\n"
      "ld.global.v4.u32 {%r2, %r3, %r4, %r5}, [%w93];\nE:";
  expectRule({body, {4}, {32}}, "global-race");
}

TEST(GlobalRaces, LaunchesFollowOneAnother) {
  Simulation s(kernelText("mul.wide.u32 %w1, %r90, 4; add.u64 %w1, %w90, %w1; st.global.u32 [%w1], "
                          "%r90; xor.b32 %r1, %r90, 1;"));
  ASSERT_TRUE(s.status().ok()) << s.status();
  const std::uint64_t buffer = s.fresh(4096);
  for (int launch = 0; launch < 2; ++launch)
    EXPECT_EQ(faultOf(s.run("k", {1}, {64}, buffer)), "");
}

TEST(GlobalRaces, SeveralHostThreads) {
  Simulation s(kernelText("mov.u32 %r1, %ctaid.x; mad.lo.u32 %r1, %r1, 64, %r90; mul.wide.u32 %w1, "
                          "%r1, 4; add.u64 %w2, %w90, %w1; st.global.u32 [%w2], %r1; ld.global.u32 "
                          "%r2, [%w91]; red.global.add.u32 [%w91+4], 1;",
                          2));
  ASSERT_TRUE(s.status().ok()) << s.status();
  s.options.threads = 4;
  EXPECT_EQ(faultOf(s.run("k", {64}, {64}, s.fresh(64 * 64 * 4),
                          s.upload(std::vector<std::uint32_t>(2, 0)))),
            "");
}

} // namespace
} // namespace qvlsim::test
