// Clusters: barrier, mapa, distributed shared memory, remote mbarriers.
#include "Simulation.h"

#include <gtest/gtest.h>

namespace qvlsim::test {
namespace {

/// Runs `body` on clusters of `ctas` CTAs of 32 threads; word r of the result is what thread 0 of
/// rank r leaves in %r1. %r91 is the rank.
std::vector<std::uint32_t> ranks(const std::string &body, unsigned ctas,
                                 std::string *fault = nullptr) {
  Simulation s(kernelText(
      ".shared .align 8 .b64 bar; .shared .align 4 .b32 word; mov.u32 %r91, %cluster_ctarank; "
      "setp.eq.u32 %p9, %r90, 0;\n" +
      body +
      "mul.wide.u32 %w80, %r91, 4; add.u64 %w80, %w80, %w90;\n@%p9 st.global.u32 [%w80], %r1;"));
  EXPECT_TRUE(s.status().ok()) << s.status();
  if (!s.status().ok())
    return {};
  s.options.cluster = {ctas, 1, 1};
  const std::uint64_t out = s.fresh(4 * ctas);
  const LaunchResult result = s.run("k", {ctas}, {32}, out);
  if (fault)
    *fault = faultOf(result);
  else
    EXPECT_EQ(faultOf(result), "");
  return s.download<std::uint32_t>(out, ctas);
}

constexpr const char *kMeet =
    "barrier.cluster.arrive.release.aligned; barrier.cluster.wait.acquire.aligned;\n";

TEST(ClusterTest, ReadsSharedMemoryOfTheNeighbour) {
  // Rank r stores 100 + r and reads the word of rank (r + 1) mod 4.
  EXPECT_EQ(
      ranks(std::string(
                "mov.u32 %r10, word; add.u32 %r2, %r91, 100;\n@%p9 st.shared.u32 [%r10], %r2;\n") +
                kMeet +
                "add.u32 %r3, %r91, 1; and.b32 %r3, %r3, 3; mapa.shared::cluster.u32 %r4, %r10, "
                "%r3;\n"
                "ld.shared::cluster.u32 %r1, [%r4];\n" +
                kMeet,
            4),
      (std::vector<std::uint32_t>{101, 102, 103, 100}));
}

TEST(ClusterTest, GenericAddressesAndAtomics) {
  // All ranks add rank + 1 to the word of rank 0 through a generic address.
  EXPECT_EQ(
      ranks(std::string("mov.u32 %r10, word; mov.u32 %r2, 0;\n@%p9 st.shared.u32 [%r10], %r2;\n") +
                kMeet +
                "cvt.u64.u32 %w1, %r10; cvta.shared.u64 %w1, %w1; mapa.u64 %w2, %w1, 0; add.u32 "
                "%r3, %r91, 1;\n"
                "@%p9 atom.add.u32 %r4, [%w2], %r3;\n" +
                kMeet + "ld.u32 %r1, [%w2]; getctarank.u64 %r5, %w2; add.u32 %r1, %r1, %r5;\n" +
                kMeet,
            3),
      (std::vector<std::uint32_t>{6, 6, 6}));
}

TEST(ClusterTest, RemoteArrivals) {
  // Rank 1 arrives on the mbarrier of rank 0, which waits for it.
  EXPECT_EQ(
      ranks(std::string("mov.u32 %r10, bar;\n@%p9 mbarrier.init.shared.b64 [%r10], 1;\n@%p9 "
                        "fence.mbarrier_init.release.cluster;\n") +
                kMeet +
                "setp.eq.u32 %p1, %r91, 1; and.pred %p2, %p1, %p9; mapa.shared::cluster.u32 %r4, "
                "%r10, 0;\n"
                "@%p2 mbarrier.arrive.release.cluster.shared::cluster.b64 _, [%r4];\n@%p1 bra D;\n"
                "W: mbarrier.try_wait.parity.acquire.cluster.shared.b64 %p3, [%r10], 0;\n@!%p3 bra "
                "W;\nD: mov.u32 %r1, 7;\n" +
                kMeet,
            2),
      (std::vector<std::uint32_t>{7, 7}));
}

TEST(ClusterTest, ReportsMisuse) {
  std::string fault;
  ranks("mov.u32 %r10, word; mapa.shared::cluster.u32 %r1, %r10, 2;\n", 2, &fault);
  EXPECT_NE(fault.find("rank 2"), std::string::npos) << fault;
  ranks("mov.u32 %r1, 0; barrier.cluster.wait.acquire.aligned;\n", 2, &fault);
  EXPECT_NE(fault.find("without barrier.cluster.arrive"), std::string::npos) << fault;
  ranks("mov.u32 %r1, 0; barrier.cluster.arrive.aligned; barrier.cluster.arrive.aligned;\n", 2,
        &fault);
  EXPECT_NE(fault.find("arrives again"), std::string::npos) << fault;
  ranks("mov.u32 %r1, 0;\n@%p9 barrier.cluster.arrive.aligned;\n", 2, &fault);
  EXPECT_NE(fault.find("divergent-barrier"), std::string::npos) << fault;
}

TEST(ClusterTest, ExitedThreadsAreNotWaitedFor) {
  EXPECT_EQ(
      ranks(std::string("mov.u32 %r1, 9; setp.eq.u32 %p1, %r91, 1;\n@%p1 exit;\n") + kMeet, 2)[0],
      9u);
}

} // namespace
} // namespace qvlsim::test
