// Shared memory that is used after its CTA has ended, and mbarriers that are used too early.
#include "Program.h"

#include <gtest/gtest.h>

namespace qvlsim::test {
namespace {

constexpr const char *kMeet = "barrier.cluster.arrive.aligned; barrier.cluster.wait.aligned;\n";

TEST(Lifetime, CtaWaitsForReadersOfItsSharedMemory) {
  expectRule({"mov.u32 %r1, tile; st.shared.u32 [%r94], %r90;\n" + std::string(kMeet) +
                  "xor.b32 %r2, %r95, 1; mapa.shared::cluster.u32 %r3, %r94, %r2;\n"
                  "ld.shared::cluster.u32 %r4, [%r3];\n<<" +
                  kMeet + ">>",
              {2},
              {64},
              {2}},
             "shared-race");
}

TEST(Lifetime, ReaderNeedNotWaitForItself) {
  // CTA 1 reads, CTA 0 waits; CTA 1 may end at once.
  expectClean({"st.shared.u32 [%r94], %r90;\n" + std::string(kMeet) +
                   "setp.eq.u32 %p1, %r95, 0; @%p1 bra E;\nmapa.shared::cluster.u32 %r3, %r94, 0;\n"
                   "ld.shared::cluster.u32 %r4, [%r3];\nE: " +
                   kMeet,
               {2},
               {64},
               {2}});
}

TEST(Lifetime, WaitersKnowTheInit) {
  expectRule({"@!%p19 bra I;\nmbarrier.init.shared.b64 [bars], 1;\nI: <<bar.sync 0;>>\n"
              "@%p19 mbarrier.arrive.shared.b64 %w1, [bars];\n"
              "W: mbarrier.try_wait.parity.shared.b64 %p1, [bars], 0;\n@!%p1 bra W;",
              {1},
              {32}},
             "shared-race");
}

TEST(Lifetime, ArrivalsBeyondAPhaseBelongToTheNext) {
  // 32 threads store and arrive; thread 32 reads what lane 31 stored. With a count of 31 the phase
  // ends before lane 31 arrives.
  const auto program = [](const std::string &count) {
    return RaceProgram{"@%p19 mbarrier.init.shared.b64 [bars], " + count +
                           ";\nbar.sync 0;\nsetp.ge.u32 %p1, %r90, 32; @%p1 bra W;\n"
                           "st.shared.u32 [%r94], %r90; mbarrier.arrive.shared.b64 %w1, [bars];\n"
                           "bra E;\nW: mbarrier.try_wait.parity.shared.b64 %p2, [bars], 0;\n"
                           "@!%p2 bra W;\nld.shared.u32 %r3, [tile+496];\nE:",
                       {1},
                       {64}};
  };
  expectClean(program("32"));
  EXPECT_EQ(raceOf(program("31"), true).substr(0, 11), "shared-race");
}

} // namespace
} // namespace qvlsim::test
