// Bulk and tensor copies: boxes, fill, swizzles, stores, reductions, multicast, groups.
#include "Simulation.h"
#include "qvlsim/TensorMap.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

namespace qvlsim::test {
namespace {

using MapBytes = std::array<std::byte, kTensorMapBytes>;

struct Tensor {
  std::vector<std::uint64_t> dims;
  std::vector<std::uint32_t> box;
  int dataType = 2; // uint32
  unsigned elementBytes = 4;
  int swizzle = 0, fill = 0;
  std::vector<std::uint32_t> elementStrides = {1, 1, 1, 1, 1};

  std::uint64_t elements() const {
    return std::accumulate(dims.begin(), dims.end(), std::uint64_t{1}, std::multiplies<>());
  }
  std::uint64_t boxElements() const {
    return std::accumulate(box.begin(), box.end(), std::uint64_t{1}, std::multiplies<>());
  }
};

/// The map of a dense tensor at `address`; dims[0] times the element size is a multiple of 16.
MapBytes mapOf(const Tensor &t, std::uint64_t address) {
  TensorMapArguments a;
  a.dataType = t.dataType;
  a.rank = static_cast<std::uint32_t>(t.dims.size());
  a.globalAddress = address;
  a.swizzle = t.swizzle;
  a.fill = t.fill;
  std::uint64_t stride = t.elementBytes;
  for (unsigned r = 0; r < a.rank; ++r) {
    a.dims[r] = t.dims[r];
    a.box[r] = t.box[r];
    a.elementStrides[r] = t.elementStrides[r];
    stride *= t.dims[r];
    if (r + 1 < a.rank)
      a.strides[r] = stride;
  }
  MapBytes bytes;
  EXPECT_TRUE(encodeTensorMap(a, bytes).ok());
  return bytes;
}

std::string text(const std::string &body) {
  return ".version 8.6\n.target sm_90a\n.address_size 64\n.visible .entry k(.param .align 64 .b8 "
         "map[128], .param .u64 p0, .param .u64 p1) {\n"
         ".reg .pred %p<20>; .reg .b16 %h<8>; .reg .b32 %r<100>; .reg .b64 %w<100>;\n.shared "
         ".align 1024 .b8 tile[16384]; .shared .align 8 .b64 bar;\n"
         "ld.param.u64 %w90, [p0]; ld.param.u64 %w91, [p1]; mov.u32 %r90, %tid.x; mov.u32 %r91, "
         "%cluster_ctarank;\n"
         "mov.b64 %w80, map; cvta.param.u64 %w80, %w80; mov.u32 %r80, tile; mov.u32 %r81, bar; "
         "setp.eq.u32 %p9, %r90, 0;\n" +
         body + "ret;\n}\n";
}
constexpr const char *kInit =
    "@%p9 mbarrier.init.shared.b64 [%r81], 1;\n@%p9 fence.mbarrier_init.release.cluster;\n@%p9 "
    "fence.proxy.async;\nbar.sync 0;\n";
constexpr const char *kWait =
    "W: mbarrier.try_wait.parity.shared.b64 %p1, [%r81], 0;\n@!%p1 bra W;\n";

/// A loop over `bytes` of the tile, 4 bytes a thread of 32: %r72 and %w72 are places in tile and
/// p1.
std::string forWords(const std::string &label, std::uint64_t bytes, const std::string &body) {
  return "mov.u32 %r70, %r90;\n" + label + ": setp.ge.u32 %p3, %r70, " + std::to_string(bytes / 4) +
         ";\n@%p3 bra " + label +
         "end;\nshl.b32 %r71, %r70, 2; add.u32 %r72, %r80, %r71; cvt.u64.u32 %w71, %r71;\n"
         "add.u64 %w72, %w91, %w71; " +
         body + " add.u32 %r70, %r70, 32; bra " + label + ";\n" + label + "end:\n";
}
std::string copyOut(std::uint64_t bytes) {
  return forWords("out", bytes, "ld.shared.b32 %r73, [%r72]; st.global.b32 [%w72], %r73;");
}
std::string copyIn(std::uint64_t bytes) {
  return forWords("in", bytes, "ld.global.b32 %r73, [%w72]; st.shared.b32 [%r72], %r73;") +
         "fence.proxy.async; bar.sync 0;\n";
}
std::string coordinateList(const std::vector<int> &at) {
  std::string list = "{";
  for (std::size_t r = 0; r < at.size(); ++r)
    list += (r ? "," : "") + std::string("%r") + std::to_string(10 + r);
  return list + "}";
}
std::string coordinateMoves(const std::vector<int> &at) {
  std::string moves;
  for (std::size_t r = 0; r < at.size(); ++r)
    moves += "mov.u32 %r" + std::to_string(10 + r) + ", " + std::to_string(at[r]) + ";\n";
  return moves;
}
std::string dimensions(const Tensor &t) { return std::to_string(t.dims.size()) + "d"; }
std::string load(const Tensor &t, const std::vector<int> &at, std::uint64_t expect) {
  return coordinateMoves(at) + "@%p9 mbarrier.arrive.expect_tx.shared.b64 %w1, [%r81], " +
         std::to_string(expect) + ";\n@%p9 cp.async.bulk.tensor." + dimensions(t) +
         ".shared::cluster.global.tile.mbarrier::complete_tx::bytes [%r80], [%w80, " +
         coordinateList(at) + "], [%r81];\n";
}

template <typename T> std::vector<T> numbered(std::uint64_t count) {
  std::vector<T> values(count);
  for (std::uint64_t e = 0; e < count; ++e)
    values[e] = static_cast<T>(e * 3 + 1);
  return values;
}

/// Element of the box: its indices, innermost first.
std::vector<std::int64_t> indices(const Tensor &t, std::uint64_t e) {
  std::vector<std::int64_t> index;
  for (const std::uint32_t extent : t.box) {
    index.push_back(static_cast<std::int64_t>(e % extent));
    e /= extent;
  }
  return index;
}
/// Linear index in the tensor of a box element; -1 outside.
std::int64_t source(const Tensor &t, const std::vector<int> &at, std::uint64_t e) {
  const auto index = indices(t, e);
  std::int64_t linear = 0, step = 1;
  for (std::size_t r = 0; r < t.dims.size(); ++r) {
    const std::int64_t p = at[r] + index[r];
    if (p < 0 || p >= static_cast<std::int64_t>(t.dims[r]))
      return -1;
    linear += p * step;
    step *= static_cast<std::int64_t>(t.dims[r]);
  }
  return linear;
}

template <typename T>
std::vector<T> loadBox(const Tensor &t, const std::vector<int> &at, AsyncMode mode) {
  const std::uint64_t bytes = t.boxElements() * sizeof(T);
  Simulation s(text(kInit + load(t, at, bytes) + kWait + copyOut(bytes)));
  EXPECT_TRUE(s.status().ok()) << s.status();
  if (!s.status().ok())
    return {};
  s.options.async = mode;
  const std::uint64_t tensor = s.upload(numbered<T>(t.elements())), out = s.fresh(bytes);
  EXPECT_EQ(faultOf(s.run("k", {1}, {32}, mapOf(t, tensor), tensor, out)), "");
  return s.download<T>(out, t.boxElements());
}

class TmaRanks : public testing::TestWithParam<unsigned> {};
INSTANTIATE_TEST_SUITE_P(All, TmaRanks, testing::Values(1u, 2u, 3u, 4u, 5u));

TEST_P(TmaRanks, LoadsBoxesAndFillsOutsideWithZeros) {
  const std::vector<std::uint64_t> dims = {12, 7, 5, 4, 3};
  const std::vector<std::uint32_t> box = {8, 4, 3, 2, 2};
  Tensor t{{dims.begin(), dims.begin() + GetParam()}, {box.begin(), box.begin() + GetParam()}};
  const auto values = numbered<std::uint32_t>(t.elements());
  for (const std::vector<int> &start :
       {std::vector<int>{2, 1, 1, 1, 1}, {-3, 5, -2, 3, 2}, {7, -1, 4, -1, 0}, {100, 0, 0, 0, 0}})
    for (const AsyncMode mode : {AsyncMode::Late, AsyncMode::Early}) {
      const std::vector<int> at(start.begin(), start.begin() + GetParam());
      const auto result = loadBox<std::uint32_t>(t, at, mode);
      for (std::uint64_t e = 0; e < result.size(); ++e) {
        const std::int64_t from = source(t, at, e);
        ASSERT_EQ(result[e], from < 0 ? 0 : values[static_cast<std::size_t>(from)]) << e;
      }
    }
}

TEST_P(TmaRanks, StoresOnlyInsideTheTensor) {
  const std::vector<std::uint64_t> dims = {12, 7, 5, 4, 3};
  const std::vector<std::uint32_t> box = {8, 4, 3, 2, 2};
  Tensor t{{dims.begin(), dims.begin() + GetParam()}, {box.begin(), box.begin() + GetParam()}};
  const std::vector<int> start = {-3, 5, -2, 3, 2}, at(start.begin(), start.begin() + GetParam());
  const std::uint64_t bytes = t.boxElements() * 4;
  for (const bool reduce : {false, true}) {
    const std::string op =
        reduce ? "cp.reduce.async.bulk.tensor." + dimensions(t) +
                     ".global.shared::cta.add.tile.bulk_group"
               : "cp.async.bulk.tensor." + dimensions(t) + ".global.shared::cta.tile.bulk_group";
    Simulation s(
        text(copyIn(bytes) + coordinateMoves(at) + "@%p9 " + op + " [%w80, " + coordinateList(at) +
             "], [%r80];\n@%p9 cp.async.bulk.commit_group;\n@%p9 cp.async.bulk.wait_group 0;\n"));
    ASSERT_TRUE(s.status().ok()) << s.status();
    std::vector<std::uint32_t> expected = numbered<std::uint32_t>(t.elements()),
                               boxValues(t.boxElements());
    std::iota(boxValues.begin(), boxValues.end(), 5000u);
    const std::uint64_t tensor = s.upload(expected);
    EXPECT_EQ(faultOf(s.run("k", {1}, {32}, mapOf(t, tensor), tensor, s.upload(boxValues))), "");
    for (std::uint64_t e = 0; e < boxValues.size(); ++e)
      if (const std::int64_t to = source(t, at, e); to >= 0)
        expected[static_cast<std::size_t>(to)] =
            boxValues[e] + (reduce ? expected[static_cast<std::size_t>(to)] : 0);
    EXPECT_EQ(s.download<std::uint32_t>(tensor, expected.size()), expected);
  }
}

TEST(TmaTest, Swizzles) {
  // 16 rows of `span` bytes; chunk c of row r is found at c xor a bit field of r.
  for (const int mode : {1, 2, 3}) {
    const unsigned span = 16u << mode, columns = span / 4;
    const Tensor t{{columns, 16}, {columns, 16}, 2, 4, mode};
    const auto result = loadBox<std::uint32_t>(t, {0, 0}, AsyncMode::Late);
    const auto values = numbered<std::uint32_t>(t.elements());
    for (unsigned row = 0; row < 16; ++row)
      for (unsigned column = 0; column < columns; ++column) {
        const unsigned in = row % 8, chunk = column / 4 ^ (mode == 3   ? in
                                                           : mode == 2 ? in / 2
                                                                       : in / 4);
        EXPECT_EQ(result[row * columns + chunk * 4 + column % 4], values[row * columns + column]);
      }
  }
}

TEST(TmaTest, FillsWithNan) {
  const Tensor t{{8, 2}, {8, 4}, 7, 4, 0, 1};
  const auto result = loadBox<float>(t, {4, 1}, AsyncMode::Late);
  for (unsigned e = 0; e < 32; ++e)
    EXPECT_EQ(std::isnan(result[e]), e >= 8 || e >= 4) << e;
}

TEST(TmaTest, ElementStrides) {
  Tensor t{{8, 9}, {8, 10}};
  t.elementStrides[1] = 3; // rows 1, 4, 7, 10; the last lies outside
  const std::uint64_t bytes = 8 * 4 * 4;
  Simulation s(text(kInit + load(t, {0, 1}, bytes) + kWait + copyOut(bytes)));
  ASSERT_TRUE(s.status().ok()) << s.status();
  const auto values = numbered<std::uint32_t>(t.elements());
  const std::uint64_t tensor = s.upload(values), out = s.fresh(bytes);
  EXPECT_EQ(faultOf(s.run("k", {1}, {32}, mapOf(t, tensor), tensor, out)), "");
  const auto result = s.download<std::uint32_t>(out, 32);
  for (unsigned e = 0; e < 32; ++e)
    EXPECT_EQ(result[e], e < 24 ? values[(1 + e / 8 * 3) * 8 + e % 8] : 0);
}

LaunchResult runLoad(const Tensor &t, const std::string &body) {
  Simulation s(text(body));
  EXPECT_TRUE(s.status().ok()) << s.status();
  const std::uint64_t tensor = s.upload(numbered<std::uint32_t>(t.elements()));
  return s.run("k", {1}, {32}, mapOf(t, tensor), tensor, s.fresh(65536));
}

TEST(TmaTest, WrongExpectedBytesAreADeadlock) {
  const Tensor t{{8, 8}, {8, 8}};
  for (const std::uint64_t expected : {240u, 272u}) {
    const LaunchResult result = runLoad(t, kInit + load(t, {0, 0}, expected) + kWait);
    ASSERT_TRUE(result.fault);
    EXPECT_EQ(result.fault->kind, FaultKind::Deadlock) << result.fault->toString();
  }
}

TEST(TmaTest, ReportsACopyThatOutlivesItsCta) {
  const Tensor t{{8, 8}, {8, 8}};
  const LaunchResult result = runLoad(t, kInit + load(t, {0, 0}, 256));
  ASSERT_TRUE(result.fault);
  EXPECT_EQ(result.fault->kind, FaultKind::AsyncGroupMisuse) << result.fault->toString();
}

TEST(TmaTest, ReportsMisuse) {
  const Tensor t{{8, 8}, {8, 8}};
  auto kind = [&](const std::string &body) {
    const LaunchResult result = runLoad(t, body);
    return result.fault ? result.fault->kind : FaultKind::Trap;
  };
  EXPECT_EQ(kind(kInit + std::string("add.u32 %r80, %r80, 16;\n") + load(t, {0, 0}, 256)),
            FaultKind::Misaligned);
  EXPECT_EQ(kind(load(t, {0, 0}, 256)), FaultKind::MbarrierMisuse);
  EXPECT_EQ(kind(kInit + std::string("mov.u64 %w80, %w90;\n") + load(t, {0, 0}, 256)),
            FaultKind::IllegalInstructionUse);
  EXPECT_EQ(kind(kInit + std::string("add.u32 %r80, %r80, 16256;\n") + load(t, {0, 0}, 256)),
            FaultKind::OutOfBounds);
  const LaunchResult early = runLoad(t, kInit + load(t, {0, 0}, 256) + copyOut(256));
  EXPECT_TRUE(early.fault) << "the data is read before the wait";
}

TEST(TmaTest, RefusesOtherModes) {
  for (const char *mode : {"im2col", "im2col::w", "tile::gather4"}) {
    const auto status =
        Simulation(text(std::string("cp.async.bulk.tensor.3d.shared::cluster.global.") + mode +
                        ".mbarrier::complete_tx::bytes [%r80], [%w80, {%r1,%r2,%r3}], [%r81];\n"))
            .status();
    EXPECT_NE(std::string(status.message()).find("only .tile"), std::string::npos) << status;
  }
}

TEST(TmaTest, MulticastReachesBothCtas) {
  const Tensor t{{8, 8}, {8, 8}};
  const std::string meet =
      "barrier.cluster.arrive.release.aligned; barrier.cluster.wait.acquire.aligned;\n";
  Simulation s(text(
      kInit + std::string("@%p9 mbarrier.arrive.expect_tx.shared.b64 %w1, [%r81], 256;\n") + meet +
      "setp.eq.u32 %p4, %r91, 1; and.pred %p5, %p4, %p9; mov.b16 %h1, 3; mov.u32 %r10, 0; mov.u32 "
      "%r11, 0;\n"
      "@%p5 "
      "cp.async.bulk.tensor.2d.shared::cluster.global.mbarrier::complete_tx::bytes.multicast::"
      "cluster [%r80], [%w80, {%r10,%r11}], [%r81], %h1;\n" +
      kWait + "mul.wide.u32 %w60, %r91, 256; add.u64 %w91, %w91, %w60;\n" + copyOut(256) + meet));
  ASSERT_TRUE(s.status().ok()) << s.status();
  s.options.cluster = {2, 1, 1};
  auto expected = numbered<std::uint32_t>(64);
  const std::uint64_t tensor = s.upload(expected), out = s.fresh(512);
  EXPECT_EQ(faultOf(s.run("k", {2}, {32}, mapOf(t, tensor), tensor, out)), "");
  EXPECT_EQ(s.download<std::uint32_t>(out, 64), expected);
  EXPECT_EQ(s.download<std::uint32_t>(out + 256, 64), expected);
}

TEST(BulkTest, CopiesRangesBothWays) {
  Simulation s(
      text(kInit +
           std::string("@%p9 mbarrier.arrive.expect_tx.shared.b64 %w1, [%r81], 512;\n"
                       "@%p9 cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes "
                       "[%r80], [%w90], 512, [%r81];\n") +
           kWait +
           "@%p9 cp.async.bulk.global.shared::cta.bulk_group [%w91], [%r80], 512;\n@%p9 "
           "cp.async.bulk.commit_group;\n@%p9 cp.async.bulk.wait_group 0;\n"));
  ASSERT_TRUE(s.status().ok()) << s.status();
  const auto values = numbered<std::uint32_t>(128);
  const std::uint64_t out = s.fresh(512);
  EXPECT_EQ(faultOf(s.run("k", {1}, {32}, MapBytes{}, s.upload(values), out)), "");
  EXPECT_EQ(s.download<std::uint32_t>(out, 128), values);
}

/// A store whose source is overwritten after a wait of the given kind.
std::uint32_t overwritten(const std::string &wait, std::string &fault) {
  Simulation s(text(
      copyIn(128) +
      "@%p9 cp.async.bulk.global.shared::cta.bulk_group [%w90], [%r80], 128;\n@%p9 "
      "cp.async.bulk.commit_group;\n" +
      wait +
      "mov.u32 %r1, 9;\n@%p9 st.shared.u32 [%r80], %r1;\n@%p9 cp.async.bulk.wait_group.read 0;\n"));
  EXPECT_TRUE(s.status().ok()) << s.status();
  s.options.races = false; // what late completion alone brings to light
  const std::uint64_t out = s.upload(std::vector<std::uint32_t>(32));
  fault = faultOf(s.run("k", {1}, {32}, MapBytes{}, out, s.upload(numbered<std::uint32_t>(32))));
  return s.download<std::uint32_t>(out, 1)[0];
}

TEST(BulkTest, SourcesAreReadAtTheWaitAndWrittenAtTheEnd) {
  std::string fault;
  EXPECT_EQ(overwritten("@%p9 cp.async.bulk.wait_group.read 0;\n", fault), 1u);
  EXPECT_EQ(fault, "");
  EXPECT_EQ(overwritten("", fault), 9u);
}

TEST(BulkTest, ExitingBeforeTheReadIsReported) {
  Simulation s(text(copyIn(128) + "@%p9 cp.async.bulk.global.shared::cta.bulk_group [%w90], "
                                  "[%r80], 128;\n@%p9 cp.async.bulk.commit_group;\n"));
  ASSERT_TRUE(s.status().ok()) << s.status();
  const auto result =
      s.run("k", {1}, {32}, MapBytes{}, s.fresh(128), s.upload(numbered<std::uint32_t>(32)));
  ASSERT_TRUE(result.fault);
  EXPECT_EQ(result.fault->kind, FaultKind::AsyncGroupMisuse);
}

TEST(BulkTest, ReducesIntoGlobalMemory) {
  Simulation s(
      text(copyIn(64) +
           "@%p9 cp.reduce.async.bulk.global.shared::cta.bulk_group.max.s32 [%w90], [%r80], 64;\n"
           "@%p9 cp.async.bulk.commit_group;\n@%p9 cp.async.bulk.wait_group 0;\n"));
  ASSERT_TRUE(s.status().ok()) << s.status();
  std::vector<std::int32_t> a(16), b(16), expected(16);
  for (int e = 0; e < 16; ++e) {
    a[static_cast<std::size_t>(e)] = e * 5 % 13 - 6;
    b[static_cast<std::size_t>(e)] = 8 - e;
    expected[static_cast<std::size_t>(e)] = std::max(e * 5 % 13 - 6, 8 - e);
  }
  const std::uint64_t out = s.upload(a);
  EXPECT_EQ(faultOf(s.run("k", {1}, {32}, MapBytes{}, out, s.upload(b))), "");
  EXPECT_EQ(s.download<std::int32_t>(out, 16), expected);
}

TEST(BulkTest, CopiesToTheNeighbour) {
  const std::string meet =
      "barrier.cluster.arrive.release.aligned; barrier.cluster.wait.acquire.aligned;\n";
  Simulation s(text(kInit + copyIn(128) +
                    "@%p9 mbarrier.arrive.expect_tx.shared.b64 %w1, [%r81], 128;\n" + meet +
                    "xor.b32 %r1, %r91, 1; mapa.shared::cluster.u32 %r2, %r80, %r1; "
                    "mapa.shared::cluster.u32 %r3, %r81, %r1; add.u32 %r2, %r2, 1024;\n"
                    "@%p9 cp.async.bulk.shared::cluster.shared::cta.mbarrier::complete_tx::bytes "
                    "[%r2], [%r80], 128, [%r3];\n" +
                    kWait +
                    "add.u32 %r80, %r80, 1024; mov.u64 %w91, %w90; mul.wide.u32 %w60, %r91, 128; "
                    "add.u64 %w91, %w91, %w60;\n" +
                    copyOut(128) + meet));
  ASSERT_TRUE(s.status().ok()) << s.status();
  s.options.cluster = {2, 1, 1};
  const auto values = numbered<std::uint32_t>(32);
  const std::uint64_t out = s.fresh(256);
  EXPECT_EQ(faultOf(s.run("k", {2}, {32}, MapBytes{}, out, s.upload(values))), "");
  EXPECT_EQ(s.download<std::uint32_t>(out, 32), values);
  EXPECT_EQ(s.download<std::uint32_t>(out + 128, 32), values);
}

TEST(BulkTest, ReportsOddSizes) {
  Simulation s(text(
      kInit + std::string("@%p9 cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes "
                          "[%r80], [%w90], 24, [%r81];\n")));
  ASSERT_TRUE(s.status().ok()) << s.status();
  const auto result =
      s.run("k", {1}, {32}, MapBytes{}, s.upload(numbered<std::uint32_t>(32)), s.fresh(4));
  ASSERT_TRUE(result.fault);
  EXPECT_EQ(result.fault->kind, FaultKind::IllegalInstructionUse);
}

} // namespace
} // namespace qvlsim::test
