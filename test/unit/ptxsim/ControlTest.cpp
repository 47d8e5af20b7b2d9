// Branches, reconvergence, calls, barriers, launches.
#include "Simulation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace qvlsim::test {
namespace {

using testing::HasSubstr;
using testing::StartsWith;
using U32 = std::uint32_t;
using U64 = std::uint64_t;

std::vector<U32> iota(U32 n) {
  std::vector<U32> values(n);
  for (U32 i = 0; i < n; ++i)
    values[i] = i;
  return values;
}

std::string fault(std::string_view body, Dim3 block = {32}, Dim3 grid = {1}) {
  Simulation s(kernelText(body));
  EXPECT_TRUE(s.status().ok()) << s.status();
  return s.status().ok() ? faultOf(s.run("k", grid, block, s.upload(std::vector<U32>(64, 0)))) : "";
}

TEST(Control, LoopsOfDifferentLengthReconverge) {
  // Every lane loops %r0 times; after the loop all lanes must vote together.
  auto out = mapWords(
      "mov.u32 %r1, 0; mov.u32 %r4, 0;\nL: setp.ge.u32 %p1, %r4, %r0; @%p1 bra D; add.u32 %r1, "
      "%r1, 3; add.u32 %r4, %r4, 1; bra L;\n"
      "D: vote.sync.ballot.b32 %r5, 1, 0xFFFFFFFF; popc.b32 %r5, %r5; add.u32 %r1, %r1, %r5;",
      iota(32));
  for (U32 i = 0; i < 32; ++i)
    EXPECT_EQ(out[i], 3 * i + 32);
}

TEST(Control, NestedBranchesAndEarlyExit) {
  auto out = mapWords(
      "mov.u32 %r1, 100; and.b32 %r4, %r0, 1; setp.eq.u32 %p1, %r4, 0; @%p1 bra EVEN; add.u32 %r1, "
      "%r1, 1; setp.gt.u32 %p2, %r0, 20; @%p2 bra BIG; add.u32 %r1, %r1, 10; bra J;\n"
      "BIG: add.u32 %r1, %r1, 20;\nJ: bra END;\nEVEN: add.u32 %r1, %r1, 2;\nEND: activemask.b32 "
      "%r5; popc.b32 %r5, %r5; mad.lo.u32 %r1, %r5, 1000, %r1;",
      iota(32));
  for (U32 i = 0; i < 32; ++i)
    EXPECT_EQ(out[i], 32000 + 100 + (i % 2 == 0 ? 2 : i > 20 ? 21 : 11)) << i;
}

TEST(Control, BranchTables) {
  std::string body =
      "mov.u32 %r1, 0; and.b32 %r4, %r0, 3;\nT: .branchtargets A, B, A, C;\nbrx.idx %r4, T;\nA: "
      "mov.u32 %r1, 1; bra E;\nB: mov.u32 %r1, 2; bra E;\nC: mov.u32 %r1, 3;\nE:";
  auto out = mapWords(body, iota(32));
  for (U32 i = 0; i < 32; ++i)
    EXPECT_EQ(out[i], (std::vector<U32>{1, 2, 1, 3}[i % 4]));
  EXPECT_THAT(fault("mov.u32 %r1, 9;\nT: .branchtargets A;\nbrx.idx %r1, T;\nA:"),
              StartsWith("invalid-call"));
}

const char *kFunctions =
    ".func (.param .b32 r) fac(.param .b32 n) {\n.reg .pred p; .reg .b32 a, b;\nld.param.u32 a, "
    "[n]; setp.le.u32 p, a, 1; @p bra ONE;\n"
    "{ .param .b32 q; .param .b32 x; sub.u32 b, a, 1; st.param.b32 [q], b; call.uni (x), fac, (q); "
    "ld.param.b32 b, [x]; }\n"
    "mul.lo.u32 a, a, b; st.param.b32 [r], a; ret;\nONE: st.param.b32 [r], 1; ret;\n}\n"
    ".func (.param .b32 r) twice(.param .b32 n) { .reg .b32 a; ld.param.u32 a, [n]; add.u32 a, a, "
    "a; st.param.b32 [r], a; ret; }\n"
    ".func forever() { call forever, (); ret; }\n";

std::string withFunctions(std::string_view body) {
  std::string text = kernelText(body);
  return text.insert(text.find(".visible"), kFunctions);
}

TEST(Calls, RecursionWithDivergentDepth) {
  Simulation s(
      withFunctions("rem.u32 %r1, %r90, 7; { .param .b32 a; .param .b32 b; st.param.b32 [a], %r1; "
                    "call.uni (b), fac, (a); ld.param.b32 %r2, [b]; } mul.wide.u32 %w1, %r90, 4; "
                    "add.u64 %w1, %w1, %w90; st.global.u32 [%w1], %r2;"));
  ASSERT_TRUE(s.status().ok()) << s.status();
  U64 out = s.fresh(128);
  EXPECT_EQ(faultOf(s.run("k", {1}, {32}, out)), "");
  auto values = s.download<U32>(out, 32);
  const U32 factorial[] = {1, 1, 2, 6, 24, 120, 720};
  for (U32 i = 0; i < 32; ++i)
    EXPECT_EQ(values[i], factorial[i % 7]);
}

TEST(Calls, IndirectTargetsDifferByLane) {
  Simulation s(withFunctions(
      "and.b32 %r1, %r90, 1; setp.eq.u32 %p1, %r1, 1; mov.u64 %w1, fac; mov.u64 %w2, twice; "
      "selp.b64 %w3, %w1, %w2, %p1;\n"
      "{ .param .b32 a; .param .b32 b; st.param.b32 [a], 5;\nP: .callprototype (.param .b32 _) _ "
      "(.param .b32 _);\ncall (b), %w3, (a), P; ld.param.b32 %r2, [b]; }\n"
      "mul.wide.u32 %w4, %r90, 4; add.u64 %w4, %w4, %w90; st.global.u32 [%w4], %r2;"));
  ASSERT_TRUE(s.status().ok()) << s.status();
  U64 out = s.fresh(128);
  EXPECT_EQ(faultOf(s.run("k", {1}, {32}, out)), "");
  auto values = s.download<U32>(out, 32);
  for (U32 i = 0; i < 32; ++i)
    EXPECT_EQ(values[i], i % 2 ? 120U : 10U);
  Simulation bad(withFunctions("mov.u64 %w3, 12345;\nP: .callprototype _ ();\ncall %w3, (), P;"));
  ASSERT_TRUE(bad.status().ok()) << bad.status();
  EXPECT_THAT(faultOf(bad.run("k", {1}, {32}, U64{0})), StartsWith("invalid-call"));
}

TEST(Calls, EndlessRecursionIsAFault) {
  Simulation s(withFunctions("call forever, ();"));
  ASSERT_TRUE(s.status().ok()) << s.status();
  EXPECT_THAT(faultOf(s.run("k", {1}, {32}, U64{0})), StartsWith("call-depth"));
}

TEST(Control, TrapNamesTheThread) {
  EXPECT_THAT(fault("setp.eq.u32 %p1, %r90, 5; @%p1 trap;"),
              StartsWith("trap: test.ptx:9: @%p1 trap: block (0,0,0) thread (5,0,0)"));
}

TEST(Control, EndlessLoopsMeetTheLimit) {
  Simulation s(kernelText("L: bra L;"));
  s.options.instructionLimit = 100000;
  EXPECT_THAT(faultOf(s.run("k", {1}, {32}, U64{0})), StartsWith("instruction-limit"));
}

// --- barriers
// ------------------------------------------------------------------------------------------------

TEST(Barriers, OrderProducersAndConsumers) {
  for (U64 seed : {0, 1, 2, 3}) {
    Simulation s(
        kernelText(".shared .b32 sh[256]; mov.u32 %r1, sh; mad.lo.u32 %r2, %r90, 4, %r1; "
                   "st.shared.u32 [%r2], %r90; bar.sync 0; sub.u32 %r3, 255, %r90; mad.lo.u32 %r4, "
                   "%r3, 4, %r1; ld.shared.u32 %r5, [%r4];\n"
                   "mul.wide.u32 %w1, %r90, 4; add.u64 %w1, %w1, %w90; st.global.u32 [%w1], %r5;"));
    s.options.seed = seed;
    U64 out = s.fresh(1024);
    EXPECT_EQ(faultOf(s.run("k", {1}, {256}, out)), "");
    auto values = s.download<U32>(out, 256);
    for (U32 i = 0; i < 256; ++i)
      ASSERT_EQ(values[i], 255 - i);
  }
}

TEST(Barriers, NamedWithCountsAndArrive) {
  // Warp 0 waits for the arrival of warp 1; warps 2 and 3 take no part.
  EXPECT_EQ(fault("shr.u32 %r1, %r90, 5; setp.eq.u32 %p1, %r1, 0; setp.eq.u32 %p2, %r1, 1; @%p1 "
                  "bar.sync 3, 64; @%p2 bar.arrive 3, 64;",
                  {128}),
            "");
  EXPECT_THAT(fault("shr.u32 %r1, %r90, 5; setp.eq.u32 %p1, %r1, 0; @%p1 bar.sync 3, 64;", {128}),
              StartsWith("deadlock"));
  EXPECT_THAT(fault("bar.sync 16;"), StartsWith("barrier-misuse"));
  EXPECT_THAT(fault("bar.sync 1, 33;"), StartsWith("barrier-misuse"));
}

TEST(Barriers, DivergentUseIsAFault) {
  EXPECT_THAT(fault("setp.lt.u32 %p1, %r90, 16; @%p1 bra L; bra E;\nL: bar.sync 0;\nE:"),
              StartsWith("divergent-barrier"));
  EXPECT_THAT(fault("setp.lt.u32 %p1, %r90, 16; @%p1 bar.sync 0;"),
              StartsWith("divergent-barrier"));
  EXPECT_EQ(fault("setp.lt.u32 %p1, %r90, 40; @%p1 ret; bar.sync 0;", {128}),
            ""); // the exited do not count
}

TEST(Barriers, Reductions) {
  Simulation s(
      kernelText("setp.lt.u32 %p1, %r90, 10; bar.red.popc.u32 %r1, 0, %p1; bar.red.and.pred %p2, "
                 "1, %p1; bar.red.or.pred %p3, 2, %p1; selp.u32 %r2, 100, 0, %p2; selp.u32 %r3, "
                 "1000, 0, %p3; add.u32 %r1, %r1, %r2; add.u32 %r1, %r1, %r3;\n"
                 "mul.wide.u32 %w1, %r90, 4; add.u64 %w1, %w1, %w90; st.global.u32 [%w1], %r1;"));
  ASSERT_TRUE(s.status().ok()) << s.status();
  U64 out = s.fresh(256);
  EXPECT_EQ(faultOf(s.run("k", {1}, {64}, out)), "");
  for (U32 v : s.download<U32>(out, 64))
    EXPECT_EQ(v, 1010U);
}

// --- launches
// --------------------------------------------------------------------------------------------------

TEST(Launch, ChecksBounds) {
  EXPECT_THAT(fault("", {2048}), StartsWith("launch-bounds"));
  EXPECT_THAT(fault("", {0}), StartsWith("launch-bounds"));
  EXPECT_THAT(fault("", {32}, {0}), StartsWith("launch-bounds"));
  Simulation s(kernelText(""));
  s.options.dynamicSharedBytes = 300000;
  EXPECT_THAT(faultOf(s.run("k", {1}, {32}, U64{0})), StartsWith("launch-bounds"));
  s.options.dynamicSharedBytes = 0;
  s.options.cluster = {2, 1, 1};
  EXPECT_THAT(faultOf(s.run("k", {3}, {32}, U64{0})), HasSubstr("no multiple of cluster"));
  EXPECT_THAT(faultOf(s.run("nosuch", {1}, {32})), HasSubstr("no kernel of that name"));
}

TEST(Launch, SpecialRegistersAndManyThreads) {
  for (unsigned threads : {1, 4}) {
    Simulation s(
        kernelText("mov.u32 %r1, %ctaid.x; mov.u32 %r2, %ctaid.y; mov.u32 %r3, %nctaid.x; "
                   "mad.lo.u32 %r4, %r2, %r3, %r1; mov.u32 %r5, %tid.y; mov.u32 %r6, %ntid.x; "
                   "mad.lo.u32 %r7, %r5, %r6, %r90; mad.lo.u32 %r8, %r4, 48, %r7; mul.wide.u32 "
                   "%w1, %r8, 4; add.u64 %w1, %w1, %w90; st.global.u32 [%w1], %r8;"));
    s.options.threads = threads;
    U64 out = s.fresh(48 * 15 * 4);
    EXPECT_EQ(faultOf(s.run("k", {5, 3, 1}, {16, 3, 1}, out)), "");
    EXPECT_EQ(s.download<U32>(out, 48 * 15), iota(48 * 15));
  }
}

TEST(Launch, BlocksThatWaitForEachOtherMakeProgress) {
  // Block 0 spins until block 1 sets a flag.
  Simulation s(kernelText("mov.u32 %r1, %ctaid.x; setp.eq.u32 %p1, %r1, 1; @%p1 bra SET;\nL: "
                          "ld.acquire.gpu.u32 %r2, [%w90]; setp.eq.u32 %p2, %r2, 0; @%p2 bra L; "
                          "st.global.u32 [%w90+4], 7; ret;\nSET: st.release.gpu.u32 [%w90], 1;"));
  ASSERT_TRUE(s.status().ok()) << s.status();
  U64 flag = s.upload(std::vector<U32>{0, 0});
  EXPECT_EQ(faultOf(s.run("k", {2}, {1}, flag)), "");
  EXPECT_EQ(s.download<U32>(flag, 2)[1], 7U);
}

} // namespace
} // namespace qvlsim::test
