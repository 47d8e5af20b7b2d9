// Mbarrier phases, counts and misuse.
#include "Simulation.h"

#include <gtest/gtest.h>

namespace qvlsim::test {
namespace {

constexpr const char *kSetUp = ".shared .align 8 .b64 bar; mov.u32 %r10, bar; mov.u32 %r1, 0;\n";

/// Appends bit `%p1` to %r1.
constexpr const char *kBit =
    "selp.u32 %r2, 1, 0, %p1; shl.b32 %r1, %r1, 1; or.b32 %r1, %r1, %r2;\n";
std::string parity(const std::string &value) {
  return "mbarrier.test_wait.parity.shared.b64 %p1, [%r10], " + value + ";\n" + kBit;
}

LaunchResult run(const std::string &body, std::uint32_t &out, unsigned threads = 1) {
  Simulation s(kernelText(kSetUp + body + "st.global.u32 [%w90], %r1;"));
  EXPECT_TRUE(s.status().ok()) << s.status();
  if (!s.status().ok())
    return {};
  s.options.races = false; // the misuse of mbarriers is found without
  const std::uint64_t address = s.fresh(4);
  LaunchResult result = s.run("k", {1}, {threads}, address);
  out = s.download<std::uint32_t>(address, 1)[0];
  return result;
}

/// The word that one thread leaves in %r1.
std::uint32_t value(const std::string &body) {
  std::uint32_t out = 0;
  EXPECT_EQ(faultOf(run(body, out)), "");
  return out;
}
FaultKind faultKind(const std::string &body, unsigned threads = 1) {
  std::uint32_t out = 0;
  const LaunchResult result = run(body, out, threads);
  EXPECT_TRUE(result.fault);
  return result.fault ? result.fault->kind : FaultKind::Trap;
}

TEST(MbarrierTest, ParityNamesThePhaseThatEnded) {
  // Fresh: phase 0 has not ended, "the phase before" of parity 1 has.
  const std::string two = parity("0") + parity("1");
  EXPECT_EQ(value("mbarrier.init.shared.b64 [%r10], 1;\n" + two +
                  "mbarrier.arrive.shared.b64 %w1, [%r10];\n" + two +
                  "mbarrier.arrive.shared.b64 %w1, [%r10];\n" + two),
            0b01'10'01u);
}

TEST(MbarrierTest, CountsArrivals) {
  EXPECT_EQ(value("mbarrier.init.shared.b64 [%r10], 5;\nmbarrier.arrive.noComplete.shared.b64 %w1, "
                  "[%r10], 3;\n" +
                  parity("0") + "mbarrier.arrive.shared.b64 %w2, [%r10], 2;\n" + parity("0")),
            0b01u);
  EXPECT_EQ(
      value("mbarrier.init.shared.b64 [%r10], 5;\nmbarrier.arrive.shared.b64 %w1, [%r10], 3;\n"
            "mbarrier.arrive.shared.b64 %w2, [%r10];\nmbarrier.pending_count.b64 %r1, %w2;\n"),
      2u);
}

TEST(MbarrierTest, StatesOfThisAndThePrecedingPhase) {
  const std::string test = std::string("mbarrier.test_wait.shared.b64 %p1, [%r10], %w1;\n") + kBit;
  const std::string arrive = "mbarrier.arrive.shared.b64 %w2, [%r10];\n";
  const std::string start =
      "mbarrier.init.shared.b64 [%r10], 2;\nmbarrier.arrive.shared.b64 %w1, [%r10];\n";
  EXPECT_EQ(value(start + test + arrive + test), 0b01u);
  EXPECT_EQ(faultKind(start + arrive + arrive + arrive + test), FaultKind::MbarrierMisuse);
}

TEST(MbarrierTest, DroppedArrivalsAreNotExpectedAgain) {
  EXPECT_EQ(
      value("mbarrier.init.shared.b64 [%r10], 2;\nmbarrier.arrive_drop.shared.b64 %w1, [%r10];\n"
            "mbarrier.arrive.shared.b64 %w1, [%r10];\n" +
            parity("0") + "mbarrier.arrive.shared.b64 %w1, [%r10];\n" + parity("1")),
      0b11u);
}

TEST(MbarrierTest, TransactionsHoldThePhase) {
  EXPECT_EQ(value("mbarrier.init.shared.b64 [%r10], 1;\n"
                  "mbarrier.arrive.expect_tx.release.cta.shared::cta.b64 %w1, [%r10], 48;\n" +
                  parity("0") + "mbarrier.complete_tx.relaxed.cta.shared::cta.b64 [%r10], 32;\n" +
                  parity("0") +
                  "mbarrier.expect_tx.relaxed.cta.shared::cta.b64 [%r10], 16;\n"
                  "mbarrier.complete_tx.relaxed.cta.shared::cta.b64 [%r10], 32;\n" +
                  parity("0")),
            0b001u);
}

TEST(MbarrierTest, ReportsMisuse) {
  const std::string init = "mbarrier.init.shared.b64 [%r10], 1;\n",
                    arrive = "mbarrier.arrive.shared.b64 %w1, [%r10];\n";
  EXPECT_EQ(faultKind(arrive), FaultKind::MbarrierMisuse) << "not initialised";
  EXPECT_EQ(faultKind("mbarrier.init.shared.b64 [%r10], 0;\n"), FaultKind::MbarrierMisuse);
  EXPECT_EQ(faultKind("mbarrier.init.shared.b64 [%r10], 1048576;\n"), FaultKind::MbarrierMisuse);
  EXPECT_EQ(faultKind(init + "mbarrier.arrive.shared.b64 %w1, [%r10], 2;\n"),
            FaultKind::MbarrierMisuse);
  EXPECT_EQ(faultKind(init + "mbarrier.arrive.noComplete.shared.b64 %w1, [%r10], 1;\n"),
            FaultKind::MbarrierMisuse);
  EXPECT_EQ(faultKind(init + "mov.u64 %w3, 7; st.shared.u64 [%r10], %w3;\n" + arrive),
            FaultKind::MbarrierMisuse);
  EXPECT_EQ(faultKind(init + "mbarrier.inval.shared.b64 [%r10];\n" + arrive),
            FaultKind::MbarrierMisuse);
  EXPECT_EQ(faultKind(init + "mbarrier.expect_tx.relaxed.cta.shared.b64 [%r10], 1048576;\n"),
            FaultKind::MbarrierMisuse);
  EXPECT_EQ(faultKind("add.u32 %r10, %r10, 4; mbarrier.init.shared.b64 [%r10], 1;\n"),
            FaultKind::Misaligned);
}

TEST(MbarrierTest, WaitingForeverIsADeadlock) {
  std::uint32_t out = 0;
  const LaunchResult result =
      run("mbarrier.init.shared.b64 [%r10], 2;\nmbarrier.arrive.shared.b64 %w1, [%r10];\n"
          "W: mbarrier.try_wait.parity.shared.b64 %p1, [%r10], 0, 1000;\n@!%p1 bra W;\n",
          out);
  ASSERT_TRUE(result.fault);
  EXPECT_EQ(result.fault->kind, FaultKind::Deadlock);
  EXPECT_NE(result.fault->instruction.find("try_wait"), std::string::npos)
      << result.fault->toString();
}

TEST(MbarrierTest, ThreadsOfSeveralWarpsMeet) {
  // 128 threads add to a word, arrive and wait; afterwards every thread sees the whole sum.
  std::uint32_t out = 0;
  const LaunchResult result = run(
      ".shared .align 4 .b32 sum; mov.u32 %r11, sum; setp.eq.u32 %p2, %r90, 0; mov.u32 %r12, 0;\n"
      "@%p2 mbarrier.init.shared.b64 [%r10], 128;\n@%p2 st.shared.u32 [%r11], %r12;\nbar.sync 0;\n"
      "red.shared.add.u32 [%r11], %r90; mbarrier.arrive.shared.b64 %w1, [%r10];\n"
      "W: mbarrier.test_wait.shared.b64 %p1, [%r10], %w1;\n@!%p1 bra W;\nld.shared.u32 %r1, "
      "[%r11];\n",
      out, 128);
  EXPECT_EQ(faultOf(result), "");
  EXPECT_EQ(out, 127u * 128 / 2);
}

} // namespace
} // namespace qvlsim::test
