// Projections and segment attention on bf16 activations against the interpreter: sums in f32, one
// rounding at the result.

#include "LinearCase.h"
#include "Panels.h"

#include <cmath>
#include <limits>
#include <numeric>

namespace qvl::test {
namespace {

/// A fused linear with a bias, a residual and perhaps a row map.
struct LinearShape {
  int64_t columns, depth;
  std::string weight, result; // elements
  int64_t loadGroup = 0;      // 0: no map

  std::string text() const {
    std::string n = std::to_string(columns), k = std::to_string(depth);
    std::string x = "tensor<?x" + k + "xbf16>", w = "tensor<" + n + "x" + k + "x" + weight + ">";
    std::string b = "tensor<" + n + "xf32>", r = "tensor<?x" + n + "xbf16>";
    std::string y = "tensor<?x" + n + "x" + result + ">";
    std::string map = " load(%load group " + std::to_string(loadGroup) + " : tensor<?xi32>)";
    return "func.func @kernel(%x: " + x + ", %w: " + w +
           panelEncoding(columns, depth, weight == "bf16") + ", %b: " + b +
           " {qvl.encoding = #qvl.flat<f32>}, %r: " + r +
           (loadGroup ? ", %load: tensor<?xi32>" : "") + ") -> " + y +
           " {\n  %y = qvl.fused_linear %x, (%w) with(%b, %r)" + (loadGroup ? map : "") + " : " +
           x + ", (" + w + ") with(" + b + ", " + r + ") -> " + y + R"( {
    ^bb0(%a: f32, %c: f32, %d: f32):
      %0 = arith.addf %a, %c : f32
      %1 = arith.addf %d, %0 : f32
      qvl.yield %1 : f32
    }
    return %y : )" +
           y + "\n}\n";
  }
};

struct AttentionShape {
  int64_t heads, headDim, maxRows;

  std::string text() const {
    std::string q = "tensor<?x" + std::to_string(heads) + "x" + std::to_string(headDim) + "xbf16>";
    std::string y = "tensor<?x" + std::to_string(heads * headDim) + "xbf16>";
    return "func.func @kernel(%q: " + q + ", %k: " + q + ", %v: " + q + ", %s: tensor<?xi32>) -> " +
           y + " {\n  %r = qvl.attention %q, %k, %v segments(%s) {scale = 0.25 : f64" +
           (maxRows ? ", max_rows = " + std::to_string(maxRows) + " : i64" : "") + "} : " + q +
           ", tensor<?xi32> -> " + y + "\n  return %r : " + y + "\n}\n";
  }
};

/// One step of bf16 where the sum in f32 falls on the other side of a middle, and the error of the
/// sum itself.
Tolerance oneStep(double sumError) {
  return [=](double reference) { return 0x1p-7 * std::abs(reference) + sumError; };
}

class Bf16Kernel : public RowKernel {
protected:
  RowCase make(const LinearShape &s, int64_t rows) {
    RowCase c{s.text(), {}, {{s.result, {rows, s.columns}}}, rows};
    c.operands.push_back(randomOperand({"bf16", {rows, s.depth}}));
    Operand weight = randomOperand({s.weight, {s.columns, s.depth}, -1});
    std::vector<float> values(weight.values.begin(), weight.values.end());
    weight.stored = packPanels(values, s.columns, s.depth, s.weight == "bf16");
    c.operands.push_back(std::move(weight));
    c.operands.push_back(randomOperand({"f32", {s.columns}, -1}));
    c.operands.push_back(randomOperand({"bf16", {rows, s.columns}}));
    if (s.loadGroup) {
      Operand index{{"i32", {rows / s.loadGroup}}, {}};
      index.values.resize(rows / s.loadGroup);
      std::iota(index.values.rbegin(), index.values.rend(), 0);
      c.operands.push_back(std::move(index));
    }
    return c;
  }

  RowCase make(const AttentionShape &s, std::vector<int32_t> segments) {
    int64_t rows = segments.back();
    RowCase c{s.text(), {}, {{"bf16", {rows, s.heads * s.headDim}}}, rows};
    for (int i = 0; i < 3; ++i)
      c.operands.push_back(randomOperand({"bf16", {rows, s.heads, s.headDim}}));
    c.operands.push_back({{"i32", {int64_t(segments.size())}}, {segments.begin(), segments.end()}});
    return c;
  }

  /// As in LinearTest.cpp, for terms of magnitude at most one.
  static Tolerance tolerance(const LinearShape &s) {
    double depth = static_cast<double>(s.depth);
    double sum = (4 + std::sqrt(depth)) * 0x1p-24 * (depth + 2);
    return s.result == "bf16" ? oneStep(sum) : [=](double) { return sum; };
  }
};

TEST_P(Bf16Kernel, ProjectionsMatchOnRaggedShapes) {
  for (const LinearShape &s : {LinearShape{32, 64, "bf16", "bf16"},
                               {160, 37, "f32", "bf16"},
                               {33, 1, "bf16", "f32"},
                               {257, 131, "bf16", "bf16"},
                               {96, 200, "f32", "f32"}}) {
    auto kernel = compile(s.text());
    for (int64_t rows : {0, 1, 2, 3, 7, 8, 63, 64, 65, 130})
      check(*kernel, make(s, rows), tolerance(s));
  }
}

TEST_P(Bf16Kernel, EveryEpilogueMatchesOnRaggedShapes) {
  for (const LinearEpilogue *epilogue : {&kIdentity, &kGelu, &kResidual, &kGatedUnit})
    for (auto [columns, depth] : {std::pair(32, 64), {160, 37}, {33, 1}, {257, 130}}) {
      LinearCase c{.columns = columns, .depth = depth, .epilogue = epilogue};
      auto kernel = compile(c.text());
      for (int64_t rows : {0, 1, 2, 3, 7, 8, 63, 64, 65, 130})
        check(*kernel, c.operands(rows), c.tolerance());
    }
}

TEST_P(Bf16Kernel, GatedUnitsTakeRowMaps) {
  LinearCase c{.columns = 97, .depth = 66, .epilogue = &kGatedUnit, .load = 4, .store = 6};
  auto kernel = compile(c.text());
  for (int64_t rows : {0, 12, 72, 132})
    check(*kernel, c.operands(rows), c.tolerance());
}

TEST_P(Bf16Kernel, ProjectionsMatchOnALongDepth) {
  LinearShape s{96, 11009, "bf16", "f32"};
  check(*compile(s.text()), make(s, 11), tolerance(s));
}

// The sum is a small difference of large terms: a chain that were rounded to bf16 in between, or
// whose pairs met the wrong weights, would be far off.
TEST_P(Bf16Kernel, LargeTermsCancel) {
  LinearShape s{32, 65, "bf16", "f32"};
  RowCase c = make(s, 9);
  for (int operand : {0, 1})
    for (size_t i = 0; i < c.operands[operand].values.size(); ++i)
      if (int64_t k = i % s.depth; k < 2) // 256 · 256 − 256 · 256
        c.operands[operand].values[i] = operand == 1 && k == 1 ? -256 : 256;
  std::vector<float> weight(c.operands[1].values.begin(), c.operands[1].values.end());
  c.operands[1].stored = packPanels(weight, s.columns, s.depth, /*bf16=*/true);
  check(*compile(s.text()), c, tolerance(s));
}

TEST_P(Bf16Kernel, RowMapsPermuteGroups) {
  for (int64_t group : {1, 4, 6}) {
    LinearShape s{97, 66, "bf16", "bf16", group};
    auto kernel = compile(s.text());
    for (int64_t rows : {0, 12, 72, 132})
      check(*kernel, make(s, rows), tolerance(s));
  }
}

TEST_P(Bf16Kernel, RowsDoNotDependOnTheirNeighbours) {
  LinearShape s{160, 67, "bf16", "bf16"};
  RowCase all = make(s, 130);
  auto kernel = compile(all.text);
  std::vector<double> whole = run(*kernel, all)[0];
  for (int64_t rows : {1, 3, 8, 65})
    for (int64_t first : {0, 5, 65}) {
      RowCase some = all;
      some.gridRows = some.results[0].shape[0] = rows;
      for (int operand : {0, 3}) {
        Operand &part = some.operands[operand];
        int64_t columns = part.form.shape[1];
        part.form.shape[0] = rows;
        auto begin = all.operands[operand].values.begin() + first * columns;
        part.values.assign(begin, begin + rows * columns);
      }
      std::vector<double> part = run(*kernel, some)[0];
      EXPECT_TRUE(std::equal(part.begin(), part.end(), whole.begin() + first * s.columns))
          << rows << " rows from " << first;
    }
}

TEST_P(Bf16Kernel, NaNStaysInItsRow) {
  LinearShape s{64, 65, "bf16", "bf16"};
  RowCase c = make(s, 3);
  for (int64_t k = 0; k < s.depth; ++k)
    c.operands[0].values[s.depth + k] = std::numeric_limits<double>::quiet_NaN();
  std::vector<double> result = run(*compile(c.text), c)[0];
  for (int64_t n = 0; n < s.columns; ++n) {
    EXPECT_TRUE(std::isfinite(result[n]) && std::isfinite(result[2 * s.columns + n]));
    EXPECT_TRUE(std::isnan(result[s.columns + n]));
  }
}

TEST_P(Bf16Kernel, AttentionMatchesForEveryHeadDim) {
  // With products of pairs, probabilities are rounded to bf16: half a step of each, weighted by
  // values below one in magnitude.
  const double sumError = GetParam() == "v4+bf16" ? 0x1p-9 : 1e-6;
  for (int64_t headDim : {5, 16, 20, 24, 32, 34, 40, 80, 128}) {
    AttentionShape streaming{2, headDim, 0}, windows{2, headDim, 64};
    auto kernel = compile(streaming.text()), inWindows = compile(windows.text());
    for (const std::vector<int32_t> &segments : std::vector<std::vector<int32_t>>{
             {0, 0, 16, 17, 17, 81, 144, 147, 290, 291, 291}, {0, 1}, {0, 0}, {0, 200}})
      check(*kernel, make(streaming, segments), oneStep(sumError));
    check(*inWindows, make(windows, {0, 0, 16, 17, 17, 81, 144, 147, 211}), oneStep(sumError));
  }
}

QVL_INSTANTIATE_KERNEL_TESTS_FOR(Bf16Kernel, "v3", "v4", "v4+bf16");

} // namespace
} // namespace qvl::test
