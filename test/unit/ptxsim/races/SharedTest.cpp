// Races in shared memory between threads of the generic proxy.
#include "Program.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace qvlsim::test {
namespace {

using testing::HasSubstr;
using testing::MatchesRegex;
using testing::StartsWith;

// tile[tid] = tid; then each thread reads its neighbour in the other warp.
constexpr char kExchange[] =
    "mov.u32 %r1, tile; add.u32 %r2, %r1, %r93; xor.b32 %r3, %r93, 128; add.u32 %r3, %r1, %r3;\n"
    "st.shared.u32 [%r2], %r90;\n";

std::string exchange(const std::string &between, const std::string &after = "") {
  return kExchange + between + "\nld.shared.u32 %r4, [%r3];\n" + after;
}

TEST(SharedRaces, WriteBeforeRead) { expectRule({exchange("<<bar.sync 0;>>")}, "shared-race"); }

TEST(SharedRaces, ReadBeforeWrite) {
  expectRule({exchange("bar.sync 0;", "<<bar.sync 0;>>\nst.shared.u32 [%r2], %r4;")},
             "shared-race");
}

TEST(SharedRaces, WriteBeforeWrite) {
  expectRule({"mov.u32 %r1, tile; shl.b32 %r2, %r91, 2; add.u32 %r2, %r1, %r2;\n"
              "setp.eq.u32 %p1, %r92, 0;\n@%p1 st.shared.u32 [%r2], %r90;\n"
              "<<bar.sync 0;>>\n@!%p1 st.shared.u32 [%r2], %r90;"},
             "shared-race");
}

TEST(SharedRaces, NamesBothAccesses) {
  const std::string fault = raceOf({exchange("")}, true);
  EXPECT_THAT(fault, StartsWith("shared-race: test.ptx:"));
  EXPECT_THAT(fault, HasSubstr("ld.shared.u32 %r4, [%r3]"));
  EXPECT_THAT(fault, HasSubstr("st.shared.u32 [%r2], %r90"));
  EXPECT_THAT(fault, MatchesRegex(".* (read|write) at .shared address (0x)?[0-9a-f]+ after the "
                                  "(read|write) at test.ptx:[0-9]+ .*"));
  EXPECT_THAT(fault, HasSubstr(") by block (0,0,0) thread ("));
}

TEST(SharedRaces, LanesOfAWarp) {
  // Lane L reads what lane L ^ 1 wrote.
  const std::string body = "mov.u32 %r1, tile; add.u32 %r2, %r1, %r93; xor.b32 %r3, %r93, 4;\n"
                           "add.u32 %r3, %r1, %r3; st.shared.u32 [%r2], %r90;\n"
                           "<<bar.warp.sync -1;>>\nld.shared.u32 %r4, [%r3];\n";
  expectRule({body}, "shared-race");
  // A lane sees its own writes, also in other widths.
  expectClean({"mov.u32 %r1, tile; shl.b32 %r2, %r90, 4; add.u32 %r2, %r1, %r2;\n"
               "st.shared.v4.u32 [%r2], {%r1, %r2, %r90, %r91}; ld.shared.u32 %r4, [%r2+8];\n"
               "st.shared.u8 [%r2+3], %r90; ld.shared.v4.u32 {%r4, %r5, %r6, %r7}, [%r2];"});
}

TEST(SharedRaces, ShufflesOrderNothing) {
  const std::string body = "mov.u32 %r1, tile; add.u32 %r2, %r1, %r93; xor.b32 %r3, %r93, 4;\n"
                           "add.u32 %r3, %r1, %r3; st.shared.u32 [%r2], %r90;\n"
                           "shfl.sync.bfly.b32 %r5, %r90, 1, 31, -1;\nld.shared.u32 %r4, [%r3];\n";
  EXPECT_THAT(raceOf({body}, true), HasSubstr("shared-race"));
}

TEST(SharedRaces, LanesOfOneStore) {
  const std::string fault = raceOf({"st.shared.u32 [tile], %r90;", {1}, {32}}, true);
  EXPECT_THAT(fault, HasSubstr("stays is undefined"));
  expectClean({"st.shared.u32 [tile], %r92;", {1}, {32}}); // the same value
}

TEST(SharedRaces, NeighboursDoNotAlias) {
  expectClean({"mov.u32 %r1, tile; add.u32 %r2, %r1, %r90; st.shared.u8 [%r2], %r90;\n"
               "ld.shared.u8 %r3, [%r2]; st.shared.u8 [%r2], %r3;",
               {1},
               {128}});
  expectClean({"mov.u32 %r1, tile; shl.b32 %r2, %r90, 1; add.u32 %r2, %r1, %r2;\n"
               "st.shared.u16 [%r2], %r90; ld.shared.u16 %r3, [%r2]; st.shared.u16 [%r2], %r3;",
               {1},
               {128}});
}

TEST(SharedRaces, HalfWarpsOnOneLine) {
  // Lanes L and L + 16 read word L; then lane L writes it.
  expectRule({"and.b32 %r1, %r91, 15; shl.b32 %r1, %r1, 2; mov.u32 %r2, tile; add.u32 %r2, %r2, "
              "%r1;\nld.shared.u32 %r3, [%r2];\nsetp.lt.u32 %p1, %r91, 16;\n"
              "<<bar.warp.sync -1;>>\n@%p1 st.shared.u32 [%r2], %r90;",
              {1},
              {32}},
             "shared-race");
}

TEST(SharedRaces, VectorsAcrossLines) {
  // 16 bytes a lane, from the middle of a line on; a word of the own vector, or of the next lane's.
  const std::string body = "add.u32 %r1, %r94, 32;\nst.shared.v4.u32 [%r1], {%r90, %r91, %r92, "
                           "%r93};\nld.shared.u32 %r3, [%r1+12]; ld.shared.u8 %r3, [%r1+7];\n";
  expectClean({body, {1}, {32}});
  expectRule({body + "setp.eq.u32 %p1, %r91, 31; <<bar.warp.sync -1;>> @%p1 bra E;\n"
                     "ld.shared.u8 %r3, [%r1+16];\nE:",
              {1},
              {32}},
             "shared-race");
}

TEST(SharedRaces, ManyReadersOfOneWord) {
  // All warps read; the write needs them all behind the barrier.
  const std::string body = "@%p19 st.shared.u32 [tile], 5;\nbar.sync 0;\n"
                           "ld.shared.u32 %r4, [tile];\n<<bar.sync 0;>>\n"
                           "setp.eq.u32 %p1, %r90, 100;\n@%p1 st.shared.u32 [tile], 6;";
  expectRule({body, {1}, {256}}, "shared-race");
}

TEST(SharedRaces, NamedBarriersOrderTheirWarps) {
  // Warps 0 and 1 meet at barrier 1, warps 2 and 3 at barrier 2.
  const std::string body = "mov.u32 %r1, tile; add.u32 %r2, %r1, %r93; xor.b32 %r3, %r93, 128;\n"
                           "add.u32 %r3, %r1, %r3; st.shared.u32 [%r2], %r90;\n"
                           "shr.u32 %r5, %r90, 6; add.u32 %r5, %r5, 1;\n"
                           "<<bar.sync %r5, 64;>>\nld.shared.u32 %r4, [%r3];\n";
  expectRule({body, {1}, {128}}, "shared-race");
  // Warp 0 only arrives: it may go on, and what it writes then is not ordered.
  const std::string arrive = "setp.eq.u32 %p1, %r92, 0;\n@%p1 st.shared.u32 [tile], 1;\n"
                             "@%p1 bra A;\nbar.sync 1, 64; ld.shared.u32 %r4, [tile]; bra E;\n"
                             "A: bar.arrive 1, 64;\n";
  expectClean({arrive + "E:"});
  EXPECT_THAT(raceOf({arrive + "st.shared.u32 [tile], 2;\nE:"}, true), HasSubstr("shared-race"));
}

TEST(SharedRaces, AtomicsAndFlags) {
  expectClean({"@%p19 st.shared.u32 [tile], 0;\nbar.sync 0;\natom.shared.add.u32 %r1, [tile], 1;"});
  // A plain read beside atomics.
  expectRule({"@%p19 st.shared.u32 [tile], 0;\nbar.sync 0;\natom.shared.add.u32 %r1, [tile], 1;\n"
              "<<bar.sync 0;>>\nld.shared.u32 %r2, [tile];"},
             "shared-race");
  // A flag: release and acquire of strong accesses.
  const auto flag = [](const std::string &store, const std::string &load) {
    return "@%p19 st.shared.u32 [tile+4], 0;\nbar.sync 0;\nsetp.eq.u32 %p1, %r90, 32;\n"
           "@%p19 bra P;\n@%p1 bra C;\nbra E;\nP: st.shared.u32 [tile], 7; " +
           store + "bra E;\nC: " + load +
           "setp.eq.u32 %p2, %r2, 0;\n@%p2 bra C;\nld.shared.u32 %r3, [tile];\nE:";
  };
  expectRule({flag("<<fence.acq_rel.cta;>> st.relaxed.cta.shared.u32 [tile+4], 1;",
                   "ld.acquire.cta.shared.u32 %r2, [tile+4]; ")},
             "shared-race");
  EXPECT_THAT(raceOf({flag("st.release.cta.shared.u32 [tile+4], 1;",
                           "ld.relaxed.cta.shared.u32 %r2, [tile+4]; ")},
                     true),
              HasSubstr("shared-race"));
}

TEST(SharedRaces, MbarrierOrders) {
  // Warp 0 writes and arrives; warp 1 waits and reads.
  const auto pipeline = [](const std::string &arrival, const std::string &wait) {
    return "@%p19 mbarrier.init.shared.b64 [bars], 32;\nbar.sync 0;\n"
           "mov.u32 %r1, tile; shl.b32 %r2, %r91, 2; add.u32 %r2, %r1, %r2;\n"
           "setp.eq.u32 %p1, %r92, 0;\n@!%p1 bra C;\nst.shared.u32 [%r2], %r90; " +
           arrival + "bra E;\nC: " + wait + "xor.b32 %r3, %r2, 4; ld.shared.u32 %r4, [%r3];\nE:";
  };
  const std::string wait = "mbarrier.try_wait.parity.shared.b64 %p2, [bars], 0;\n@!%p2 bra C;\n";
  expectRule({pipeline("mbarrier.arrive.shared.b64 _, [bars];", "<<" + wait + ">>")},
             "shared-race");
  // An arrival that releases nothing.
  EXPECT_THAT(raceOf({pipeline("mbarrier.arrive.relaxed.cta.shared.b64 _, [bars];", wait)}, true),
              HasSubstr("shared-race"));
}

TEST(SharedRaces, OneLaneArrivesForItsWarp) {
  // The other lanes' writes need bar.warp.sync before the arrival of lane 0.
  const std::string body =
      "@%p19 mbarrier.init.shared.b64 [bars], 1;\nbar.sync 0;\n"
      "mov.u32 %r1, tile; shl.b32 %r2, %r91, 2; add.u32 %r2, %r1, %r2;\n"
      "setp.eq.u32 %p1, %r92, 0;\n@!%p1 bra C;\nst.shared.u32 [%r2], %r90;\n"
      "<<bar.warp.sync -1;>>\n@%p18 mbarrier.arrive.shared.b64 _, [bars];\nbra E;\n"
      "C: mbarrier.try_wait.parity.shared.b64 %p2, [bars], 0;\n@!%p2 bra C;\n"
      "ld.shared.u32 %r4, [%r2];\nE:";
  expectRule({body}, "shared-race");
}

TEST(SharedRaces, OneLaneWaitsForItsWarp) {
  const std::string body = "@%p19 mbarrier.init.shared.b64 [bars], 32;\nbar.sync 0;\n"
                           "mov.u32 %r1, tile; shl.b32 %r2, %r91, 2; add.u32 %r2, %r1, %r2;\n"
                           "setp.eq.u32 %p1, %r92, 0;\n@!%p1 bra C;\nst.shared.u32 [%r2], %r90;\n"
                           "mbarrier.arrive.shared.b64 _, [bars];\nbra E;\nC: @!%p18 bra D;\n"
                           "W: mbarrier.try_wait.parity.shared.b64 %p2, [bars], 0;\n@!%p2 bra W;\n"
                           "D: <<bar.warp.sync -1;>>\nld.shared.u32 %r4, [%r2];\nE:";
  expectRule({body}, "shared-race");
}

TEST(SharedRaces, InitOfAnMbarrier) {
  // In some orders of warps there is no object yet, which is another fault.
  expectRule({"@%p19 mbarrier.init.shared.b64 [bars], 64;\n<<bar.sync 0;>>\n"
              "mbarrier.arrive.shared.b64 _, [bars];"},
             "");
  const std::string fault =
      raceOf({"@%p19 mbarrier.init.shared.b64 [bars], 32;\nmbarrier.arrive.shared.b64 _, [bars];",
              {1},
              {32}},
             true);
  EXPECT_THAT(fault, StartsWith("shared-race"));
  EXPECT_THAT(fault, HasSubstr("(@%p19 mbarrier.init.shared.b64 [bars], 32)"));
}

TEST(SharedRaces, InitOfARemoteMbarrier) {
  // The other CTA arrives; the cluster barrier releases nothing but what the fence publishes.
  const std::string body =
      "@!%p19 bra I;\nmbarrier.init.shared.b64 [bars], 1;\n"
      "<<fence.mbarrier_init.release.cluster;>>\nI: barrier.cluster.arrive.relaxed.aligned;\n"
      "barrier.cluster.wait.aligned;\nsetp.eq.u32 %p1, %r95, 0; @%p1 bra E;\n@!%p19 bra E;\n"
      "mov.u32 %r1, bars; mapa.shared::cluster.u32 %r2, %r1, 0;\n"
      "mbarrier.arrive.release.cluster.shared::cluster.b64 _, [%r2];\n"
      "E: barrier.cluster.arrive.aligned; barrier.cluster.wait.aligned;";
  expectRule({body, {2}, {32}, {2}}, "missing-fence");
}

TEST(SharedRaces, ClusterBarrier) {
  // CTA 1 reads what CTA 0 wrote into its own shared memory.
  const std::string body = "mov.u32 %r1, tile; mapa.shared::cluster.u32 %r2, %r1, 0;\n"
                           "setp.eq.u32 %p1, %r95, 0;\n@%p1 st.shared.u32 [tile], 3;\n"
                           "barrier.cluster.arrive<<.release>>$RELAXED.aligned;\n"
                           "barrier.cluster.wait.aligned;\n"
                           "@!%p1 ld.shared::cluster.u32 %r3, [%r2];\n"
                           "barrier.cluster.arrive.aligned; barrier.cluster.wait.aligned;";
  const auto with = [&](const std::string &text) {
    std::string result = body;
    result.replace(result.find("<<.release>>$RELAXED"), 20, text);
    return RaceProgram{result, {2}, {32}, {2}};
  };
  expectClean(with(".release"));
  expectClean(with(""));
  EXPECT_THAT(raceOf(with(".relaxed"), true), HasSubstr("shared-race"));
}

} // namespace
} // namespace qvlsim::test
