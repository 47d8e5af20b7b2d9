// What the report of a deadlock names, and the instructions that a whole warpgroup executes.
#include "Simulation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace qvlsim::test {
namespace {

using ::testing::HasSubstr;

/// The fault of `body` on one block, or on one cluster of `blocks`.
std::string fault(const std::string &body, unsigned threads, unsigned blocks = 1,
                  const std::string &directives = "") {
  std::string text = kernelText(".shared .align 8 .b64 bars[4]; mov.u32 %r10, bars; "
                                "setp.eq.u32 %p9, %r90, 0; shr.u32 %r9, %r90, 5;\n" +
                                body);
  text.insert(text.find('{'), directives);
  Simulation s(text);
  EXPECT_TRUE(s.status().ok()) << s.status();
  if (!s.status().ok())
    return "";
  s.options.cluster = {blocks, 1, 1};
  return faultOf(s.run("k", {blocks}, {threads}, s.fresh(4)));
}

constexpr const char *kMeet = "barrier.cluster.arrive.aligned; barrier.cluster.wait.aligned;\n";

TEST(DeadlockTest, NamesTheBarrierAndItsCounts) {
  const std::string report =
      fault("setp.eq.u32 %p1, %r9, 3;\n@%p1 bra LAST;\nbar.sync 5, 128;\nbra END;\n"
            "LAST: bar.sync 2, 64;\nEND:",
            128);
  EXPECT_THAT(report, HasSubstr("deadlock: test.ptx:"));
  EXPECT_THAT(report, HasSubstr("4 warps wait and nothing can wake them"));
  EXPECT_THAT(report, HasSubstr("warps 0,1,2 of block (0,0,0) at line 12 for barrier 5: 96 of 128 "
                                "threads have arrived"));
  EXPECT_THAT(report, HasSubstr("warp 3 of block (0,0,0) at line 14 for barrier 2: 32 of 64 "
                                "threads have arrived"));
}

TEST(DeadlockTest, NamesTheMbarrierAndWhatItsPhaseLacks) {
  const std::string report =
      fault("add.u32 %r11, %r10, 16;\n@%p9 mbarrier.init.shared.b64 [%r11], 3;\nbar.sync 0;\n"
            "@%p9 mbarrier.arrive.expect_tx.shared.b64 %w1, [%r11], 512;\n"
            "W: mbarrier.try_wait.parity.shared.b64 %p1, [%r11], 0;\n@!%p1 bra W;\n",
            64);
  EXPECT_THAT(report, HasSubstr("mbarrier.try_wait"));
  EXPECT_THAT(report, HasSubstr("warps 0,1 of block (0,0,0) at line 14 for the mbarrier at shared "
                                "offset 16 of CTA rank 0: phase 0 (parity 0) lacks 2 of 3 arrivals "
                                "and 512 bytes"));
}

TEST(DeadlockTest, NamesTheClusterBarrierAndWhoIsMissing) {
  // Block 1 waits for an mbarrier instead.
  const std::string report =
      fault("mov.u32 %r1, %cluster_ctarank; setp.eq.u32 %p2, %r1, 0;\n"
            "@%p9 mbarrier.init.shared.b64 [%r10], 1;\nbar.sync 0;\n@%p2 bra MEET;\n"
            "W: mbarrier.try_wait.parity.shared.b64 %p1, [%r10], 0;\n@!%p1 bra W;\nMEET:\n" +
                std::string(kMeet),
            32, 2);
  EXPECT_THAT(report, HasSubstr("warp 0 of block (0,0,0) at line 17 for the cluster barrier: 32 of "
                                "64 threads have arrived, warp 0 of CTA rank 1 has not"));
  EXPECT_THAT(report, HasSubstr("warp 0 of block (1,0,0) at line 14 for the mbarrier at shared "
                                "offset 0 of CTA rank 1"));
}

TEST(DeadlockTest, ForgetsAWaitThatIsOver) {
  const std::string report =
      fault("@%p9 mbarrier.init.shared.b64 [%r10], 1;\nbar.sync 0;\n"
            "@%p9 mbarrier.arrive.shared.b64 %w1, [%r10];\n"
            "W: mbarrier.try_wait.parity.shared.b64 %p1, [%r10], 0;\n@!%p1 bra W;\nbar.sync 1, 64;",
            32);
  EXPECT_THAT(report, HasSubstr("for barrier 1: 32 of 64"));
  EXPECT_EQ(report.find("mbarrier"), std::string::npos) << report;
}

TEST(WarpgroupTest, ReportsAWarpThatLeavesAnInstructionOut) {
  const std::string commit = "wgmma.commit_group.sync.aligned;\n";
  EXPECT_EQ(fault(commit + commit, 128), "");
  const std::string report =
      fault(commit + "setp.eq.u32 %p1, %r9, 2;\n@%p1 bra END;\n" + commit + "END:", 128);
  EXPECT_THAT(report, HasSubstr("illegal-instruction-use: test.ptx:13: wgmma.commit_group"));
  EXPECT_THAT(report, HasSubstr("thread (64,0,0): warp 2 has ended without this instruction"));
}

TEST(WarpgroupTest, ReportsWarpsThatExecuteDifferentInstructions) {
  const std::string report = fault("setp.eq.u32 %p1, %r9, 1;\n@%p1 bra OTHER;\n"
                                   "wgmma.commit_group.sync.aligned;\nbra END;\nOTHER:\n"
                                   "wgmma.commit_group.sync.aligned;\nEND:",
                                   128);
  EXPECT_THAT(report, HasSubstr("another one has executed line 12 in this place"));
}

TEST(WarpgroupTest, NeedsFourWarps) {
  const std::string fence = "wgmma.fence.sync.aligned;\n";
  EXPECT_THAT(fault(fence, 96), HasSubstr("the block has 3 warps"));
  // Warps 4 and 5 of a block of six are no warpgroup; warps 0 to 3 are one.
  const std::string first = "setp.lt.u32 %p1, %r9, 4;\n@!%p1 bra END;\n" + fence + "END:";
  EXPECT_EQ(fault(first, 192), "");
  EXPECT_THAT(fault(fence, 192), HasSubstr("the warpgroup of warp 4 is not whole"));
}

/// Warpgroup 0 releases or takes `first` registers, later ones take `others`.
std::string registers(const std::string &first, const std::string &others, unsigned threads,
                      const std::string &directives = "") {
  return fault("setp.lt.u32 %p1, %r9, 4;\n@%p1 bra FIRST;\nsetmaxnreg." + others +
                   ";\nbra END;\nFIRST: setmaxnreg." + first + ";\nEND:",
               threads, 1, directives);
}

TEST(RegisterPoolTest, ServesRequestsFromReleases) {
  // 65536 / 384 threads: 168 each. 40 + 2 * 232 are three times 168.
  EXPECT_EQ(registers("dec.sync.aligned.u32 40", "inc.sync.aligned.u32 232", 384), "");
  EXPECT_EQ(registers("dec.sync.aligned.u32 24", "inc.sync.aligned.u32 104", 256, ".maxnreg 64\n"),
            "");
}

TEST(RegisterPoolTest, ReportsRequestsBeyondThePool) {
  // Warps 0 to 3 release 128 each, which serves 72 for seven of the other eight.
  EXPECT_THAT(registers("dec.sync.aligned.u32 40", "inc.sync.aligned.u32 240", 384),
              HasSubstr("for registers: its threads have 168 and ask for 240, the pool of the CTA "
                        "holds 8 for a thread"));
}

TEST(RegisterPoolTest, ReportsTheWrongDirection) {
  EXPECT_THAT(registers("dec.sync.aligned.u32 176", "inc.sync.aligned.u32 176", 384),
              HasSubstr("the threads have 168 registers: .dec keeps more"));
  EXPECT_THAT(registers("dec.sync.aligned.u32 40", "inc.sync.aligned.u32 160", 384),
              HasSubstr("the threads have 168 registers: .inc asks for fewer"));
}

} // namespace
} // namespace qvlsim::test
