// Projections on thread blocks against the interpreter, over ragged shapes and all forms.

#include "../kernels/LinearCase.h"
#include "GpuKernel.h"

#include <array>
#include <cmath>
#include <cstring>
#include <limits>

namespace qvl::test {
namespace {

constexpr int64_t kManyRows[] = {0, 1, 7, 64, 65, 129, 200};
constexpr int64_t kFewRows[] = {0, 1, 2, 5, 8, 9};

LinearCase bf16Case(int64_t columns, int64_t depth, const std::string &result = "bf16") {
  return {columns, depth, "bf16", "bf16", result};
}
LinearCase f32Case(int64_t columns, int64_t depth, const std::string &weight = "f32") {
  return {columns, depth, "f32", weight, "f32"};
}

class GpuLinear : public RowKernel {
protected:
  void checkRows(const LinearCase &c, std::span<const int64_t> rowCounts) {
    auto kernel = compile(c.text());
    for (int64_t rows : rowCounts)
      check(*kernel, c.operands(rows), c.tolerance());
  }
  void checkRows(const LinearCase &c) {
    checkRows(c, c.fewRows ? std::span<const int64_t>(kFewRows) : kManyRows);
  }
  static std::vector<GpuBuffer> buffersOf(const RowCase &operands) {
    std::vector<GpuBuffer> buffers;
    for (const Operand &operand : operands.operands)
      buffers.push_back({operand.memory()});
    buffers.push_back(GpuBuffer::result(operands.results[0].bytes()));
    return buffers;
  }
  qvlsim::Counts launchCounts(const LinearCase &c, int64_t rows,
                              const std::string &chip = GetParam()) {
    RowCase operands = c.operands(rows);
    std::vector<GpuBuffer> buffers = buffersOf(operands);
    return GpuKernel::create(c.text(), chip)->launch(buffers, operands.scalars(), rows);
  }
  std::vector<double> resultOf(const LinearCase &c, const RowCase &operands) {
    return run(*compile(c.text()), operands)[0];
  }
};

TEST_P(GpuLinear, TensorCoresMatchOnRaggedShapes) {
  for (const LinearCase &c :
       {bf16Case(8, 16), bf16Case(32, 24, "f32"), bf16Case(40, 32), bf16Case(96, 80),
        bf16Case(128, 588), bf16Case(200, 1176), bf16Case(320, 96, "f32"), bf16Case(33, 66),
        bf16Case(36, 37), bf16Case(1, 1), bf16Case(64, 1175, "f32")})
    checkRows(c);
}

TEST_P(GpuLinear, LargeTilesMatchOnRaggedShapes) {
  for (const LinearCase &c : {bf16Case(1032, 80), bf16Case(1100, 588, "f32")}) {
    EXPECT_EQ(GpuKernel::create(c.text(), GetParam())->tileGrid().rowsPerTile, 128);
    checkRows(c, std::array<int64_t, 3>{1, 65, 129});
  }
}

/// Large tiles where a chip has matrix instructions of warpgroups.
TEST_P(GpuLinear, WarpgroupsMatchOnRaggedShapes) {
  LinearCase mapped = bf16Case(1024, 48), residual = bf16Case(1032, 80, "f32"),
             gated = bf16Case(520, 70);
  mapped.load = mapped.store = 4;
  residual.epilogue = &kResidual;
  gated.epilogue = &kGatedUnit;
  for (const LinearCase &c : {bf16Case(1100, 588), bf16Case(1025, 37), mapped, residual, gated}) {
    EXPECT_NE(GpuKernel::create(c.text(), "sm_90a")->text().find("wgmma"), std::string::npos);
    auto kernel = compileRowProgram(c.text(), "sm_90a");
    for (int64_t rows : {4, 128, 132})
      check(*kernel, c.operands(rows), c.tolerance());
  }
}

/// Rows, columns and k that no tile of a wide form divides, several orders of warps.
TEST_P(GpuLinear, WideFormsMatchOnRaggedShapes) {
  LinearCase mapped = bf16Case(1024, 48), residual = bf16Case(1032, 136, "f32"),
             gated = bf16Case(520, 72);
  mapped.store = 4;
  residual.epilogue = &kResidual;
  gated.epilogue = &kGatedUnit;
  for (const LinearCase &c :
       {bf16Case(1280, 64), bf16Case(1100, 584), bf16Case(1025, 8), mapped, residual, gated}) {
    auto kernel = GpuKernel::create(c.text(), "sm_90a");
    ASSERT_TRUE(kernel->wideForm()) << c.text();
    auto program = compileRowProgram(c.text(), "sm_90a"); // runs the wide form as well
    for (int64_t rows : {4, 128, 260})
      check(*program, c.operands(rows), c.tolerance());
  }
}

TEST_P(GpuLinear, WideFormsDoNotDependOnTheOrderOfWarps) {
  LinearCase c = bf16Case(1032, 392); // seven stages: the ring goes round
  auto kernel = GpuKernel::create(c.text(), "sm_90a");
  RowCase operands = c.operands(130);
  std::vector<std::byte> first;
  for (qvlsim::AsyncMode mode : {qvlsim::AsyncMode::Late, qvlsim::AsyncMode::Early})
    for (uint64_t seed : {0, 1, 2, 3}) {
      std::vector<GpuBuffer> buffers = buffersOf(operands);
      kernel->launchWide(buffers, operands.scalars(), 130, {mode, seed});
      if (first.empty())
        first = buffers.back().bytes;
      EXPECT_EQ(first, buffers.back().bytes) << "seed " << seed;
    }
}

/// Only where boxes can copy the operands and the columns fill wide tiles.
TEST_P(GpuLinear, WideFormsAreChosenByShape) {
  auto isWide = [](const LinearCase &c, const std::string &chip = "sm_90a") {
    return GpuKernel::create(c.text(), chip)->wideForm().has_value();
  };
  LinearCase gathered = bf16Case(1024, 64), decode = gathered, scattered = gathered;
  gathered.load = scattered.store = 4;
  decode.fewRows = true;
  EXPECT_TRUE(isWide(bf16Case(1024, 64)));
  EXPECT_TRUE(isWide(scattered));
  EXPECT_FALSE(isWide(bf16Case(1024, 64), "sm_80"));
  EXPECT_FALSE(isWide(gathered));
  EXPECT_FALSE(isWide(decode));
  EXPECT_FALSE(isWide(bf16Case(1024, 68))); // rows of 136 bytes
  EXPECT_FALSE(isWide(bf16Case(992, 64)));
  EXPECT_FALSE(isWide(f32Case(1024, 64, "bf16")));
}

/// Each part of the hand-over of stages is needed, and the simulator sees its loss.
TEST_P(GpuLinear, BrokenWideFormsAreDetected) {
  LinearCase c = bf16Case(1024, 392);
  RowCase operands = c.operands(70);
  auto kernel = GpuKernel::create(c.text(), "sm_90a");
  std::vector<GpuBuffer> sound = buffersOf(operands);
  kernel->launchWide(sound, operands.scalars(), 70);
  auto isDetected = [&](const std::string &text) {
    for (const GpuSchedule &schedule : kGpuSchedules) {
      std::vector<GpuBuffer> buffers = buffersOf(operands);
      if (kernel->launchWideMutant(text, buffers, operands.scalars(), 70, schedule).fault ||
          buffers.back().bytes != sound.back().bytes)
        return true;
    }
    return false;
  };
  EXPECT_FALSE(isDetected(kernel->text()));
  size_t wide = kernel->text().find(".entry kernel_wide(");
  ASSERT_NE(wide, std::string::npos);
  // What the text says, and what it says instead. A wait of the computing warps comes first.
  const std::pair<const char *, const char *> mutations[] = {
      {"@P1 bra.uni DONE;", "bra.uni DONE;"},
      {"mbarrier.arrive.shared.b64", "// "},
      {"mbarrier.arrive.expect_tx.shared.b64", "// "},
      {"fence.mbarrier_init", "// "},
      {"bar.sync", "// "},
      {"bar.warp.sync", "// "},
      {"wgmma.fence.sync.aligned;", ""},
      {"wgmma.wait_group.sync.aligned 0;", ""}};
  for (auto [from, to] : mutations) {
    size_t place = kernel->text().find(from, wide);
    ASSERT_NE(place, std::string::npos) << from;
    EXPECT_TRUE(isDetected(std::string(kernel->text()).replace(place, std::strlen(from), to)))
        << from;
  }
  std::string text = kernel->text();
  const std::string wait = "@P1 bra.uni DONE;";
  size_t ofCopies = text.rfind(wait);
  EXPECT_TRUE(isDetected(text.replace(ofCopies, wait.size(), "bra.uni DONE;")));
}

TEST_P(GpuLinear, MultiplyAddsMatchOnRaggedShapes) {
  for (LinearCase c : {f32Case(8, 16), f32Case(40, 24, "bf16"), f32Case(96, 80), f32Case(33, 37),
                       f32Case(36, 39, "bf16"), f32Case(128, 588, "bf16")})
    checkRows(c);
  // bf16 activations times f32 weights: a checkpoint of another type.
  for (int64_t depth : {24, 37, 588})
    checkRows({72, depth, "bf16", "f32", "bf16"});
}

TEST_P(GpuLinear, MultiplyAddsGiveTheBitsOfTheChain) {
  for (LinearCase c : {f32Case(40, 80, "bf16"), f32Case(64, 591), f32Case(33, 37, "bf16"),
                       LinearCase{40, 70, "bf16", "f32", "f32"}})
    for (const LinearEpilogue *epilogue : {&kIdentity, &kBias}) {
      c.epilogue = epilogue;
      RowCase operands = c.operands(67);
      EXPECT_EQ(resultOf(c, operands), chains(c, operands)) << operands.text;
    }
}

TEST_P(GpuLinear, FewRowsMatchOnRaggedShapes) {
  for (LinearCase c :
       {bf16Case(8, 16), bf16Case(40, 24, "f32"), bf16Case(96, 80), bf16Case(128, 588),
        bf16Case(200, 1176), bf16Case(33, 1175), f32Case(40, 80), f32Case(96, 588, "bf16"),
        f32Case(33, 37), f32Case(36, 1175, "bf16"), LinearCase{40, 591, "bf16", "f32", "bf16"}}) {
    c.fewRows = true;
    checkRows(c);
  }
}

TEST_P(GpuLinear, EpiloguesMatch) {
  for (const LinearEpilogue *epilogue : {&kIdentity, &kGelu, &kResidual, &kGatedUnit})
    for (LinearCase c :
         {bf16Case(96, 80), bf16Case(33, 37), f32Case(72, 48, "bf16"), f32Case(97, 33)})
      for (bool fewRows : {false, true}) {
        c.epilogue = epilogue;
        c.fewRows = fewRows;
        checkRows(c, std::array<int64_t, 2>{3, 70});
      }
}

TEST_P(GpuLinear, RowMapsPermuteGroups) {
  struct Maps {
    int64_t load, store;
  };
  for (Maps maps : {Maps{1, 0}, {0, 1}, {4, 0}, {0, 4}, {4, 1}, {6, 4}})
    for (LinearCase c : {bf16Case(96, 80), f32Case(40, 33, "bf16")})
      for (bool fewRows : {false, true}) {
        c.load = maps.load;
        c.store = maps.store;
        c.fewRows = fewRows;
        checkRows(c, std::array<int64_t, 3>{12, 72, 132});
      }
}

/// Contract C10: a row's bits depend on the row alone.
TEST_P(GpuLinear, RowsDoNotDependOnTheirNeighbours) {
  for (LinearCase c : {bf16Case(72, 70), f32Case(40, 37, "bf16")})
    for (bool fewRows : {false, true}) {
      c.epilogue = &kGatedUnit;
      c.fewRows = fewRows;
      auto kernel = compile(c.text());
      RowCase all = c.operands(130);
      std::vector<double> whole = run(*kernel, all)[0];
      for (auto [first, rows] : {std::pair{0, 1}, {5, 8}, {64, 66}, {129, 1}}) {
        RowCase some = all;
        some.gridRows = some.results[0].shape[0] = some.operands[0].form.shape[0] = rows;
        auto begin = all.operands[0].values.begin() + first * c.depth;
        some.operands[0].values.assign(begin, begin + rows * c.depth);
        std::vector<double> part = run(*kernel, some)[0];
        EXPECT_TRUE(std::equal(part.begin(), part.end(), whole.begin() + first * c.columns))
            << rows << " rows from " << first;
      }
    }
}

TEST_P(GpuLinear, NaNStaysInItsRow) {
  for (LinearCase c : {bf16Case(40, 37), f32Case(40, 37)})
    for (bool fewRows : {false, true}) {
      c.fewRows = fewRows;
      RowCase operands = c.operands(3);
      std::fill_n(operands.operands[0].values.begin() + c.depth, c.depth,
                  std::numeric_limits<double>::quiet_NaN());
      std::vector<double> result = resultOf(c, operands);
      for (int64_t n = 0; n < c.columns; ++n) {
        EXPECT_TRUE(std::isfinite(result[n]) && std::isfinite(result[2 * c.columns + n]));
        EXPECT_TRUE(std::isnan(result[c.columns + n]));
      }
    }
}

TEST_P(GpuLinear, SharedMemoryHasNoBankConflicts) {
  for (LinearCase c :
       {bf16Case(96, 192), bf16Case(1024, 64), f32Case(96, 64), f32Case(96, 64, "bf16")})
    for (auto [epilogue, fewRows] :
         {std::pair{&kBias, false}, {&kBias, true}, {&kGatedUnit, false}, {&kGatedUnit, true}}) {
      c.epilogue = epilogue;
      c.fewRows = fewRows;
      qvlsim::Counts counts = launchCounts(c, 70);
      EXPECT_GT(counts.sharedRequests, 0u);
      EXPECT_EQ(counts.sharedBankConflicts, 0u) << c.text();
    }
}

/// Tiles that warpgroups multiply.
TEST_P(GpuLinear, SharedMemoryOfWarpgroupsHasNoBankConflicts) {
  for (const LinearEpilogue *epilogue : {&kBias, &kGatedUnit}) {
    LinearCase c = bf16Case(1024, 192);
    c.epilogue = epilogue;
    EXPECT_NE(GpuKernel::create(c.text(), "sm_90a")->text().find("wgmma"), std::string::npos);
    qvlsim::Counts counts = launchCounts(c, 256, "sm_90a");
    EXPECT_GT(counts.sharedRequests, 0u);
    EXPECT_EQ(counts.sharedBankConflicts, 0u) << c.text();
  }
}

TEST_P(GpuLinear, WideFormsHaveNoBankConflicts) {
  for (const LinearEpilogue *epilogue : {&kBias, &kGatedUnit}) {
    LinearCase c = bf16Case(1024, 128);
    c.epilogue = epilogue;
    RowCase operands = c.operands(130);
    std::vector<GpuBuffer> buffers = buffersOf(operands);
    qvlsim::Counts counts =
        GpuKernel::create(c.text(), "sm_90a")->launchWide(buffers, operands.scalars(), 130);
    EXPECT_GT(counts.sharedRequests, 0u);
    EXPECT_EQ(counts.sharedBankConflicts, 0u) << c.text();
  }
}

TEST_P(GpuLinear, MovesSixteenBytesAtOnce) {
  std::string tile = GpuKernel::create(bf16Case(128, 192).text(), GetParam())->text();
  EXPECT_NE(tile.find("cp.async.cg.shared.global"), std::string::npos);
  EXPECT_EQ(tile.find("cp.async.ca.shared.global"), std::string::npos);
  EXPECT_NE(tile.find("st.global.v4.b32"), std::string::npos) << tile;
  LinearCase decode = bf16Case(128, 192);
  decode.fewRows = true;
  EXPECT_NE(GpuKernel::create(decode.text(), GetParam())->text().find("ld.global.v4.b32"),
            std::string::npos);
}

QVL_INSTANTIATE_KERNEL_TESTS(GpuLinear);

} // namespace
} // namespace qvl::test
