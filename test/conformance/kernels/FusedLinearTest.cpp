// qvl.fused_linear against the interpreter, and bit for bit against the kernels it replaces.

#include "LinearCase.h"
#include "Panels.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace qvl::test {
namespace {

struct Shape {
  int64_t columns; // N
  int64_t depth;   // K
  bool bf16;
};

/// Groups of the row maps; 0 for none.
struct Maps {
  int64_t load = 0, store = 0;
};

class FusedLinearKernel : public RowKernel {
protected:
  static LinearCase fused(const LinearEpilogue &e, const Shape &s, const Maps &maps = {}) {
    return {.columns = s.columns,
            .depth = s.depth,
            .input = "f32",
            .weight = s.bf16 ? "bf16" : "f32",
            .result = "f32",
            .epilogue = &e,
            .load = maps.load,
            .store = maps.store};
  }

  /// The first or second of two weights as an operand of its own.
  Operand half(const Operand &pair, const Shape &s, int number) {
    Operand w{{pair.form.element, {s.columns, s.depth}, -1}, {}};
    auto begin = pair.values.begin() + number * s.columns * s.depth;
    w.values.assign(begin, begin + s.columns * s.depth);
    std::vector<float> values(w.values.begin(), w.values.end());
    w.stored = packPanels(values, s.columns, s.depth, s.bf16);
    return w;
  }

  /// `y = op(x…)` of matrices of one shape, as kernels of their own compute it.
  std::vector<double> pointwise(const std::string &op, std::vector<Operand> operands) {
    TensorForm form = operands.front().form;
    std::string type = form.type(), names = operands.size() == 2 ? "%x, %y" : "%x";
    RowCase c{"func.func @kernel(%x: " + type + (operands.size() == 2 ? ", %y: " + type : "") +
                  ") -> " + type + " {\n  %z = qvl." + op + " " + names + " : " + type +
                  "\n  return %z : " + type + "\n}\n",
              operands,
              {form},
              form.shape[0]};
    return run(*compile(c.text), c)[0];
  }

  std::vector<double> linear(const Operand &x, const Operand &w, const Operand *bias) {
    int64_t rows = x.form.shape[0], columns = w.form.shape[0], depth = w.form.shape[1];
    TensorForm result{"f32", {rows, columns}};
    std::string b = "tensor<" + std::to_string(columns) + "xf32>";
    RowCase c{"func.func @kernel(%x: " + x.form.type() + ", %w: " + w.form.type() +
                  panelEncoding(columns, depth, w.form.element == "bf16") +
                  (bias ? ", %b: " + b + " {qvl.encoding = #qvl.flat<f32>}" : "") + ") -> " +
                  result.type() + " {\n  %y = qvl.linear %x, %w" + (bias ? " bias %b" : "") +
                  " : " + x.form.type() + ", " + w.form.type() + (bias ? ", " + b : "") + " -> " +
                  result.type() + "\n  return %y : " + result.type() + "\n}\n",
              {x, w},
              {result},
              rows};
    if (bias)
      c.operands.push_back(*bias);
    return run(*compile(c.text), c)[0];
  }

  void expectUnfused(const RowCase &c, const std::vector<double> &unfused) {
    EXPECT_EQ(run(*compile(c.text), c)[0], unfused) << c.text;
  }
};

constexpr Shape kShapes[] = {{32, 64, false},   {160, 37, true}, {33, 1, true},
                             {257, 130, false}, {20, 6, true},   {7, 5, false}};
constexpr int64_t kRows[] = {0, 1, 2, 3, 7, 8, 63, 64, 65, 130};

TEST_P(FusedLinearKernel, EpiloguesMatchOnRaggedShapes) {
  for (const LinearEpilogue &e : {kIdentity, kBias, kGelu, kResidual, kGatedUnit})
    for (const Shape &s : kShapes) {
      auto kernel = compile(fused(e, s).text());
      for (int64_t rows : kRows)
        check(*kernel, fused(e, s).operands(rows), fused(e, s).tolerance());
    }
}

TEST_P(FusedLinearKernel, RowMapsPermuteGroups) {
  for (const Maps &maps : {Maps{1, 0}, {0, 1}, {4, 0}, {0, 4}, {4, 1}, {6, 4}, {1, 12}})
    for (const Shape &s : {Shape{97, 66, true}, {64, 33, false}}) {
      auto kernel = compile(fused(kBias, s, maps).text());
      for (int64_t rows : {0, 12, 60, 72, 132})
        check(*kernel, fused(kBias, s, maps).operands(rows), fused(kBias, s).tolerance());
    }
}

TEST_P(FusedLinearKernel, MapsWithOperandsAndTwoWeights) {
  for (int64_t group : {1, 4}) {
    Shape s{160, 35, true};
    auto residual = compile(fused(kResidual, s, {group, 0}).text()),
         gated = compile(fused(kGatedUnit, s, {group, group}).text());
    for (int64_t rows : {4, 68, 140}) {
      check(*residual, fused(kResidual, s, {group, 0}).operands(rows),
            fused(kResidual, s).tolerance());
      check(*gated, fused(kGatedUnit, s, {group, group}).operands(rows),
            fused(kGatedUnit, s).tolerance());
    }
  }
}

TEST_P(FusedLinearKernel, EpiloguesGiveTheBitsOfSeparateKernels) {
  for (const Shape &s : {Shape{160, 191, true}, {97, 66, false}}) {
    RowCase c = fused(kIdentity, s).operands(77);
    expectUnfused(c, linear(c.operands[0], c.operands[1], nullptr));
    c = fused(kBias, s).operands(77);
    expectUnfused(c, linear(c.operands[0], c.operands[1], &c.operands[2]));
    TensorForm form = c.results[0];
    c = fused(kGelu, s).operands(77);
    expectUnfused(
        c, pointwise("gelu", {{form, linear(c.operands[0], c.operands[1], &c.operands[2])}}));
    c = fused(kResidual, s).operands(77);
    expectUnfused(c,
                  pointwise("add", {c.operands[3],
                                    {form, linear(c.operands[0], c.operands[1], &c.operands[2])}}));
    c = fused(kGatedUnit, s).operands(77);
    const Operand &pair = c.operands[1];
    std::vector<double> gate = linear(c.operands[0], half(pair, s, 0), &c.operands[2]),
                        up = linear(c.operands[0], half(pair, s, 1), &c.operands[3]);
    expectUnfused(c, pointwise("mul", {{form, pointwise("silu", {{form, gate}})}, {form, up}}));
  }
}

// C10: a row's result does not depend on how many rows there are, nor on which form of the tile or
// which run of a row map it falls in.
TEST_P(FusedLinearKernel, RowsDoNotDependOnTheirNeighbours) {
  Shape s{160, 66, true};
  RowCase all = fused(kGatedUnit, s).operands(130);
  std::vector<double> whole = run(*compile(all.text), all)[0];
  for (int64_t rows : {1, 3, 8, 65})
    for (int64_t first : {0, 5, 65}) {
      RowCase some = all;
      some.gridRows = some.operands[0].form.shape[0] = some.results[0].shape[0] = rows;
      auto begin = all.operands[0].values.begin() + first * s.depth;
      some.operands[0].values.assign(begin, begin + rows * s.depth);
      std::vector<double> part = run(*compile(some.text), some)[0];
      EXPECT_TRUE(std::equal(part.begin(), part.end(), whole.begin() + first * s.columns))
          << rows << " rows from " << first;
    }
}

TEST_P(FusedLinearKernel, MapsGiveTheBitsOfPermutedRows) {
  Shape s{97, 66, false};
  for (int64_t group : {1, 4}) {
    RowCase mapped = fused(kBias, s, {group, group}).operands(76), plain = mapped;
    plain.text = fused(kBias, s).text();
    std::vector<double> store = plain.operands.back().values;
    plain.operands.pop_back();
    std::vector<double> load = plain.operands.back().values;
    plain.operands.pop_back();
    auto row = [&](const std::vector<double> &index, int64_t t) {
      return static_cast<int64_t>(index[t / group]) * group + t % group;
    };
    for (int64_t t = 0; t < 76; ++t)
      std::copy_n(mapped.operands[0].values.begin() + row(load, t) * s.depth, s.depth,
                  plain.operands[0].values.begin() + t * s.depth);
    std::vector<double> result = run(*compile(plain.text), plain)[0], expected(result.size());
    for (int64_t t = 0; t < 76; ++t)
      std::copy_n(result.begin() + t * s.columns, s.columns,
                  expected.begin() + row(store, t) * s.columns);
    EXPECT_EQ(run(*compile(mapped.text), mapped)[0], expected) << "groups of " << group;
  }
}

QVL_INSTANTIATE_KERNEL_TESTS(FusedLinearKernel);

} // namespace
} // namespace qvl::test
