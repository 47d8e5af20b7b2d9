// Order between threads and asynchronous operations: cp.async, bulk copies, wgmma.
#include "Program.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace qvlsim::test {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

// --- cp.async ----------------------------------------------------------------------------------

// %r2: 16 bytes of each thread; %r3: those of the neighbouring lane; %r4: of the other warp.
std::string copy(const std::string &wait, const std::string &use) {
  return "mov.u32 %r1, tile; shl.b32 %r5, %r90, 4; add.u32 %r2, %r1, %r5; xor.b32 %r6, %r5, 16;\n"
         "add.u32 %r3, %r1, %r6; xor.b32 %r6, %r5, 512; add.u32 %r4, %r1, %r6;\n"
         "cvt.u64.u32 %w1, %r5; add.u64 %w1, %w90, %w1;\n"
         "cp.async.ca.shared.global [%r2], [%w1], 16; cp.async.commit_group;\n" +
         wait + "\n" + use;
}

TEST(AsyncRaces, CopyNeedsWaitAndBarrier) {
  const std::string other = "ld.shared.u32 %r7, [%r4];", neighbour = "ld.shared.u32 %r7, [%r3];",
                    own = "ld.shared.v4.u32 {%r7, %r8, %r9, %r10}, [%r2];";
  expectAsyncRule({copy("<<cp.async.wait_group 0;>> bar.sync 0;", other)}, "shared-race");
  expectAsyncRule({copy("cp.async.wait_group 0; <<bar.sync 0;>>", other)}, "shared-race");
  // The own copies are there after the wait, those of other lanes after bar.warp.sync.
  expectAsyncRule({copy("<<cp.async.wait_all;>>", own)}, "shared-race");
  expectAsyncRule({copy("cp.async.wait_all; <<bar.warp.sync -1;>>", neighbour)}, "shared-race");
  // A group that may be in flight still.
  EXPECT_THAT(raceOf({copy("cp.async.wait_group 1; bar.sync 0;", other)}, true),
              testing::AnyOf(StartsWith("shared-race"), StartsWith("uninitialised-read")));
}

TEST(AsyncRaces, CopyIntoWhatIsStillRead) {
  expectRule({"ld.shared.u32 %r7, [%r94];\nxor.b32 %r8, %r90, 32; shl.b32 %r8, %r8, 4; mov.u32 "
              "%r1, tile; add.u32 %r1, %r1, %r8;\n<<bar.sync 0;>>\n"
              "cp.async.ca.shared.global [%r1], [%w90], 16; cp.async.wait_all;"},
             "shared-race");
}

TEST(AsyncRaces, CopyTellsAnMbarrier) {
  const std::string body =
      "@%p19 mbarrier.init.shared.b64 [bars], 32;\nbar.sync 0;\nsetp.ne.u32 %p1, %r92, 0;\n"
      "@%p1 bra C;\ncp.async.ca.shared.global [%r94], [%w80], 4;\n"
      "cp.async.mbarrier.arrive.noinc.shared.b64 [bars];\nbra E;\n"
      "C: <<mbarrier.try_wait.parity.shared.b64 %p2, [bars], 0;\n@!%p2 bra C;>>\n"
      "xor.b32 %r1, %r94, 512; ld.shared.u32 %r2, [%r1];\nE:";
  expectAsyncRule({body}, "shared-race");
}

// --- bulk copies to shared memory --------------------------------------------------------------

// Thread 0 copies 1024 bytes to tile[0] and everybody reads it. The names are the pieces.
struct Load {
  std::string initFence = "fence.mbarrier_init.release.cluster;", initBarrier = "bar.sync 0;",
              wait = "W: mbarrier.try_wait.parity.shared.b64 %p2, [bars], 0;\n@!%p2 bra W;",
              before = "", after = "";

  std::string text() const {
    return "@!%p19 bra I;\nmbarrier.init.shared.b64 [bars], 1;\n" + initFence +
           "\nI: " + initBarrier + "\n" + before +
           "\n@!%p19 bra W0;\nmbarrier.arrive.expect_tx.shared.b64 _, [bars], 1024;\n"
           "cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [tile], [%w90], "
           "1024, [bars];\nW0:\n" +
           wait + "\nld.shared.u32 %r3, [%r94];\n" + after;
  }
};

TEST(AsyncRaces, BulkLoadNeedsTheWait) {
  Load load;
  expectClean({load.text()});
  load.wait = "<<" + load.wait + ">>";
  expectAsyncRule({load.text()}, "shared-race");
}

TEST(AsyncRaces, InitHasToBePublished) {
  Load load;
  load.initFence = "<<fence.mbarrier_init.release.cluster;>>";
  expectRule({load.text()}, "missing-fence");
  load.initFence = "<<fence.proxy.async;>>";
  expectRule({load.text()}, "missing-fence");
  const std::string fault = raceOf({load.text()}, false);
  EXPECT_THAT(fault, HasSubstr("mbarrier.init.shared.b64 [bars], 1"));
  load.initFence = "fence.mbarrier_init.release.cluster;";
  load.initBarrier = "<<bar.sync 0;>>";
  // The waiting threads may not see the object yet, whatever comes of that.
  expectClean({load.text()});
  EXPECT_NE(raceOf({load.text()}, false), "");
}

TEST(AsyncRaces, GenericWritesBeforeABulkLoad) {
  // The threads are ordered, the proxies are not.
  Load load;
  load.initFence = "fence.mbarrier_init.release.cluster;";
  load.before = "st.shared.u32 [%r94], %r90;\n<<fence.proxy.async;>> bar.sync 0;";
  expectRule({load.text()}, "async-proxy-order");
}

TEST(AsyncRaces, RefillOfAStage) {
  Load load;
  load.after = "<<bar.sync 0;>>\n@!%p19 bra E;\n"
               "mbarrier.arrive.expect_tx.shared.b64 _, [bars], 1024;\n"
               "cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [tile], [%w91], "
               "1024, [bars];\nV: mbarrier.try_wait.parity.shared.b64 %p2, [bars], 1;\n@!%p2 bra "
               "V;\nE:";
  expectRule({load.text()}, "shared-race");
}

// --- bulk copies out of shared memory ----------------------------------------------------------

TEST(AsyncRaces, BulkStoreNeedsFenceAndWait) {
  const auto store = [](const std::string &fence, const std::string &wait, const std::string &use) {
    return "st.shared.u32 [%r94], %r90;\n" + fence +
           " bar.sync 0;\n@!%p19 bra E;\n"
           "cp.async.bulk.global.shared::cta.bulk_group [%w93], [tile], 1024;\n"
           "cp.async.bulk.commit_group;\n" +
           wait + "\n" + use + "\nE: cp.async.bulk.wait_group 0;";
  };
  const std::string fence = "fence.proxy.async.shared::cta;", full = "cp.async.bulk.wait_group 0;",
                    read = "cp.async.bulk.wait_group.read 0;";
  expectRule({store("<<" + fence + ">>", full, "")}, "async-proxy-order");
  // Overwriting the source needs .read, reading the result the full wait.
  expectRule({store(fence, "<<" + read + ">>", "st.shared.u32 [tile], 1;")}, "shared-race");
  expectRule({store(fence, "<<" + full + ">>" + read, "ld.global.u32 %r1, [%w93];")},
             "global-race");
}

TEST(AsyncRaces, WarpsFollowTheWaitOfTheIssuer) {
  const std::string body = "st.shared.u32 [%r94], %r90;\nfence.proxy.async; bar.sync 0;\n"
                           "@!%p19 bra E;\n"
                           "cp.async.bulk.global.shared::cta.bulk_group [%w93], [tile], 1024;\n"
                           "cp.async.bulk.commit_group; cp.async.bulk.wait_group.read 0;\n"
                           "E: <<bar.sync 0;>>\nst.shared.u32 [%r94], %r91;";
  expectRule({body}, "shared-race");
}

TEST(AsyncRaces, Multicast) {
  // CTA 0 loads into both CTAs; each waits for its own mbarrier.
  const std::string body =
      "@!%p19 bra I;\nmbarrier.init.shared.b64 [bars], 1;\nfence.mbarrier_init.release.cluster;\n"
      "mbarrier.arrive.expect_tx.shared.b64 _, [bars], 512;\n"
      "I: barrier.cluster.arrive.aligned; barrier.cluster.wait.aligned;\n"
      "mov.u32 %r1, 3; cvt.u16.u32 %h1, %r1; setp.ne.u32 %p1, %r95, 0; @%p1 bra W;\n@!%p19 bra W;\n"
      "cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes.multicast::cluster "
      "[tile], [%w90], 512, [bars], %h1;\n"
      "W: <<mbarrier.try_wait.parity.shared.b64 %p2, [bars], 0;\n@!%p2 bra W;>>\n"
      "ld.shared.u32 %r3, [%r94];\nbarrier.cluster.arrive.aligned; barrier.cluster.wait.aligned;";
  expectAsyncRule({body, {2}, {32}, {2}}, "shared-race");
}

} // namespace
} // namespace qvlsim::test
