// The rules of wgmma: fences for registers and for shared memory, waits.
#include "Program.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace qvlsim::test {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

/// The pieces of a multiplication of 64 x 16 by 16 x 8, without swizzle: A and B lie in the zeros
/// of the tile.
struct Multiply {
  std::string before = "", fence = "wgmma.fence.sync.aligned;", between = "", second = "",
              wait = "wgmma.wait_group.sync.aligned 0;", after = "";

  static std::string instruction(const std::string &shape = "m64n8k16",
                                 const std::string &sums = "{%r10, %r11, %r12, %r13}",
                                 const std::string &a = "%w1") {
    return "wgmma.mma_async.sync.aligned." + shape + ".f32.f16.f16 " + sums + ", " + a +
           ", %w1, %p1, 1, 1" + (a == "%w1" ? ", 0, 0;" : ", 0;");
  }
  RaceProgram program() const {
    return {"mov.u32 %r1, tile; shr.u32 %r1, %r1, 4; cvt.u64.u32 %w1, %r1; add.u64 %w1, %w1, "
            "0x1000080000; setp.eq.u32 %p1, %r90, %r90;\n"
            "mov.u32 %r10, 0; mov.u32 %r11, 0; mov.u32 %r12, 0; mov.u32 %r13, 0;\n"
            "mov.u32 %r14, 0; mov.u32 %r15, 0; mov.u32 %r16, 0; mov.u32 %r17, 0;\n" +
                before + "\n" + fence + "\n" + between + "\n" + instruction() + "\n" + second +
                "\nwgmma.commit_group.sync.aligned;\n" + wait + "\n" + after,
            {1},
            {128}};
  }
};

TEST(WgmmaRaces, FirstNeedsAFence) {
  Multiply m;
  m.fence = "<<wgmma.fence.sync.aligned;>>";
  expectRule(m.program(), "missing-fence");
}

TEST(WgmmaRaces, FenceAfterWritesOfAccumulators) {
  Multiply m;
  m.between = "add.u32 %r10, %r10, 0;\n<<wgmma.fence.sync.aligned;>>";
  expectRule(m.program(), "missing-fence");
  EXPECT_THAT(raceOf(m.program(), false), HasSubstr("(add.u32 %r10, %r10, 0)"));
  // Reads count too: the result of the first is read before the second.
  Multiply again;
  again.after = "mov.u32 %r20, %r10;\n<<wgmma.fence.sync.aligned;>>\n" + Multiply::instruction() +
                "\nwgmma.commit_group.sync.aligned;\nwgmma.wait_group.sync.aligned 0;";
  expectRule(again.program(), "missing-fence");
  // Other registers do not.
  m.between = "add.u32 %r20, %r90, 0;";
  expectClean(m.program());
}

TEST(WgmmaRaces, FenceAfterWritesOfFragments) {
  Multiply m;
  m.between =
      "mov.u32 %r14, 1;\n<<wgmma.fence.sync.aligned;>>\n" +
      Multiply::instruction("m64n8k16", "{%r10, %r11, %r12, %r13}", "{%r14, %r15, %r16, %r17}");
  expectRule(m.program(), "missing-fence");
  m.between.replace(0, m.between.find("<<"), "mov.u32 %r20, %r14;\n"); // a read
  EXPECT_EQ(raceOf(m.program(), false), "");
}

TEST(WgmmaRaces, FenceBetweenShapes) {
  Multiply m;
  m.second = Multiply::instruction(); // the same shape needs none
  expectClean(m.program());
  m.second = "<<wgmma.fence.sync.aligned;>>\n" +
             Multiply::instruction("m64n16k16", "{%r10, %r11, %r12, %r13, %r14, %r15, %r16, %r17}");
  expectRule(m.program(), "missing-fence");
}

TEST(WgmmaRaces, AccumulatorsBeforeTheWait) {
  Multiply m;
  m.wait = "<<wgmma.wait_group.sync.aligned 0;>>";
  m.after = "mov.u32 %r20, %r10;\nwgmma.wait_group.sync.aligned 0;";
  expectRule(m.program(), "async-group-misuse");
  EXPECT_THAT(raceOf(m.program(), false), HasSubstr("wgmma.mma_async"));
  m.after = "mov.u32 %r10, 0;\nwgmma.wait_group.sync.aligned 0;";
  expectRule(m.program(), "async-group-misuse");
}

TEST(WgmmaRaces, GenericWritesOfOperands) {
  Multiply m;
  m.before = "st.shared.u32 [%r94], %r89;\n<<fence.proxy.async;>> bar.sync 0;";
  expectRule(m.program(), "async-proxy-order");
  m.before = "st.shared.u32 [%r94], %r89;\nfence.proxy.async; <<bar.sync 0;>>";
  expectRule(m.program(), "shared-race");
}

TEST(WgmmaRaces, OverwritingOperandsInFlight) {
  Multiply m;
  m.wait = "<<wgmma.wait_group.sync.aligned 0;>> bar.sync 0;";
  m.after = "st.shared.u32 [%r94], %r89;\nwgmma.wait_group.sync.aligned 0;";
  expectRule(m.program(), "shared-race");
  // The wait of one warp says nothing of the others.
  m.wait = "wgmma.wait_group.sync.aligned 0; <<bar.sync 0;>>";
  expectRule(m.program(), "shared-race");
}

} // namespace
} // namespace qvlsim::test
