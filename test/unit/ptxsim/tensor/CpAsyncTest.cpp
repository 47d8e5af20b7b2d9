// cp.async: sizes, zero fill, groups, and what late completion brings to light.
#include "Simulation.h"

#include <gtest/gtest.h>

namespace qvlsim::test {
namespace {

/// %r80: the thread's 16 bytes of shared memory; %w81, %w82: its 16 bytes of p0 and p1.
constexpr const char *kSetUp =
    ".shared .align 16 .b8 tile[1024]; .shared .align 8 .b64 bar;\n"
    "mov.u32 %r80, tile; shl.b32 %r81, %r90, 4; add.u32 %r80, %r80, %r81;\n"
    "cvt.u64.u32 %w80, %r81; add.u64 %w81, %w90, %w80; add.u64 %w82, %w91, %w80;\n";
constexpr const char *kResult = "ld.shared.v4.b32 {%r1,%r2,%r3,%r4}, [%r80];\n"
                                "st.global.v4.b32 [%w82], {%r1,%r2,%r3,%r4};";

std::vector<std::uint8_t> bytes() {
  std::vector<std::uint8_t> values(512);
  for (unsigned b = 0; b < 512; ++b)
    values[b] = static_cast<std::uint8_t>(b * 7 + 1);
  return values;
}

struct Outcome {
  std::string fault;
  FaultKind kind{};
  std::vector<std::uint8_t> out;
};
Outcome run(const std::string &body, AsyncMode mode = AsyncMode::Late) {
  Simulation s(kernelText(kSetUp + body, 2));
  EXPECT_TRUE(s.status().ok()) << s.status();
  if (!s.status().ok())
    return {};
  s.options.async = mode;
  const std::uint64_t out = s.fresh(512);
  const LaunchResult result = s.run("k", {1}, {32}, s.upload(bytes()), out);
  return {faultOf(result), result.fault ? result.fault->kind : FaultKind::Trap,
          s.download<std::uint8_t>(out, 512)};
}

class CpAsync : public testing::TestWithParam<AsyncMode> {};
INSTANTIATE_TEST_SUITE_P(Modes, CpAsync, testing::Values(AsyncMode::Late, AsyncMode::Early));

TEST_P(CpAsync, CopiesSixteenBytes) {
  const Outcome r = run(std::string("cp.async.cg.shared.global.L2::128B [%r80], [%w81], 16;\n"
                                    "cp.async.commit_group; cp.async.wait_group 0;\n") +
                            kResult,
                        GetParam());
  EXPECT_EQ(r.fault, "");
  EXPECT_EQ(r.out, bytes());
}

TEST_P(CpAsync, CopiesFourAndEightBytes) {
  const Outcome r = run(
      std::string("cp.async.ca.shared.global [%r80], [%w81], 4; cp.async.ca.shared.global "
                  "[%r80+4], [%w81+4], 4;\n"
                  "cp.async.ca.shared::cta.global [%r80+8], [%w81+8], 8; cp.async.wait_all;\n") +
          kResult,
      GetParam());
  EXPECT_EQ(r.fault, "");
  EXPECT_EQ(r.out, bytes());
}

TEST_P(CpAsync, FillsBeyondTheSourceSizeWithZeros) {
  // Lane l copies min(l, 16) bytes.
  const Outcome r =
      run(std::string("min.u32 %r5, %r90, 16; cp.async.ca.shared.global [%r80], [%w81], 16, %r5;\n"
                      "cp.async.commit_group; cp.async.wait_group 0;\n") +
              kResult,
          GetParam());
  EXPECT_EQ(r.fault, "");
  for (unsigned b = 0; b < 512; ++b)
    EXPECT_EQ(r.out[b], b % 16 < std::min(b / 16, 16u) ? bytes()[b] : 0) << b;
}

TEST_P(CpAsync, IgnoredSourcesMayPointNowhere) {
  const Outcome r =
      run(std::string("setp.gt.u32 %p1, %r90, 3; selp.b64 %w81, 64, %w81, %p1;\n"
                      "cp.async.ca.shared.global [%r80], [%w81], 16, %p1; cp.async.wait_all;\n") +
              kResult,
          GetParam());
  EXPECT_EQ(r.fault, "");
  for (unsigned b = 0; b < 512; ++b)
    EXPECT_EQ(r.out[b], b < 64 ? bytes()[b] : 0) << b;
}

TEST(CpAsyncTest, DataIsNotThereBeforeTheWait) {
  const std::string body =
      std::string("cp.async.cg.shared.global [%r80], [%w81], 16; cp.async.commit_group;\n") +
      kResult;
  EXPECT_NE(run(body).fault, "");
}

TEST(CpAsyncTest, WaitGroupLeavesTheNewestGroups) {
  const std::string two = "cp.async.cg.shared.global [%r80], [%w81], 16; cp.async.commit_group;\n"
                          "cp.async.cg.shared.global [%r80+512], [%w81], 16; "
                          "cp.async.commit_group; cp.async.wait_group 1;\n";
  EXPECT_EQ(run(two + kResult).fault, "");
  EXPECT_NE(run(two + "add.u32 %r80, %r80, 512;" + kResult).fault, "");
}

TEST(CpAsyncTest, ReportsWrongSizesAndAddresses) {
  EXPECT_EQ(run("cp.async.ca.shared.global [%r80], [%w81], 8, 9;").kind,
            FaultKind::IllegalInstructionUse);
  EXPECT_EQ(run("cp.async.cg.shared.global [%r80+8], [%w81], 16;").kind, FaultKind::Misaligned);
  EXPECT_EQ(run("cp.async.cg.shared.global [%r80], [%w81+512], 16;").kind, FaultKind::OutOfBounds);
  EXPECT_FALSE(
      Simulation(kernelText("cp.async.cg.shared.global [%r80], [%w81], 8;", 2)).status().ok());
}

TEST_P(CpAsync, ArrivesOnAnMbarrierWhenCopied) {
  for (const std::string noinc : {"", ".noinc"}) {
    // Without .noinc the arrivals do not count: one plain arrival by lane 0 ends the phase.
    const std::string count = noinc.empty() ? "1" : "32";
    const Outcome r = run(
        "mov.u32 %r10, bar; setp.eq.u32 %p1, %r90, 0;\n@%p1 mbarrier.init.shared.b64 [%r10], " +
            count +
            ";\nbar.sync 0; cp.async.cg.shared.global [%r80], [%w81], 16;\n"
            "cp.async.mbarrier.arrive" +
            noinc + ".shared.b64 [%r10];\n" +
            (noinc.empty() ? "bar.sync 0;\n@%p1 mbarrier.arrive.shared.b64 %w1, [%r10];\n" : "") +
            "W: mbarrier.try_wait.parity.shared.b64 %p2, [%r10], 0;\n@!%p2 bra W;\n" + kResult,
        GetParam());
    EXPECT_EQ(r.fault, "") << noinc;
    EXPECT_EQ(r.out, bytes()) << noinc;
  }
}

} // namespace
} // namespace qvlsim::test
