// qvl.fused_linear against the interpreter, and bit for bit against the kernels it replaces.

#include "Panels.h"
#include "RowFixture.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace qvl::test {
namespace {

/// An epilogue: its weights, the ranks of its operands and its region, with %a0, %a1 the sums and
/// %b0, %b1 the operands.
struct EpilogueText {
  int weights;
  std::vector<int> ranks;
  std::string region;
};

const EpilogueText kIdentity{1, {}, "qvl.yield %a0 : f32\n"};
const EpilogueText kBias{1, {1}, R"(
  %0 = arith.addf %a0, %b0 : f32
  qvl.yield %0 : f32
)"};
const EpilogueText kGelu{1, {1}, R"(
  %0 = arith.addf %a0, %b0 : f32
  %c0 = arith.constant 0.70710678118654752 : f32
  %1 = arith.mulf %0, %c0 : f32
  %c1 = arith.constant 0.5 : f32
  %2 = arith.mulf %0, %c1 : f32
  %3 = math.erf %1 : f32
  %c2 = arith.constant 1.0 : f32
  %4 = arith.addf %c2, %3 : f32
  %5 = arith.mulf %2, %4 : f32
  qvl.yield %5 : f32
)"};
const EpilogueText kResidual{1, {1, 2}, R"(
  %0 = arith.addf %a0, %b0 : f32
  %1 = arith.addf %b1, %0 : f32
  qvl.yield %1 : f32
)"};
const EpilogueText kGatedUnit{2, {1, 1}, R"(
  %g = arith.addf %a0, %b0 : f32
  %u = arith.addf %a1, %b1 : f32
  %0 = arith.negf %g : f32
  %1 = math.exp %0 : f32
  %c = arith.constant 1.0 : f32
  %2 = arith.addf %c, %1 : f32
  %3 = arith.divf %g, %2 : f32
  %4 = arith.mulf %3, %u : f32
  qvl.yield %4 : f32
)"};

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
  std::string text(const EpilogueText &e, const Shape &s, const Maps &maps) {
    std::string n = std::to_string(s.columns), k = std::to_string(s.depth);
    std::string x = "tensor<?x" + k + "xf32>", y = "tensor<?x" + n + "xf32>";
    std::string w =
        "tensor<" + std::to_string(e.weights * s.columns) + "x" + k + (s.bf16 ? "xbf16>" : "xf32>");
    std::string stored = e.weights == 1 ? panelEncoding(s.columns, s.depth, s.bf16)
                                        : pairEncoding(s.columns, s.depth, s.bf16);
    std::string arguments = "%x: " + x + ", %w: " + w + stored, operands, operandTypes, region;
    auto join = [](std::string &list, const std::string &item) {
      list += (list.empty() ? "" : ", ") + item;
    };
    for (int i = 0; i < e.weights; ++i)
      join(region, "%a" + std::to_string(i) + ": f32");
    for (size_t i = 0; i < e.ranks.size(); ++i) {
      std::string number = std::to_string(i), vector = "tensor<" + n + "xf32>";
      std::string type = e.ranks[i] == 1 ? vector : y;
      join(arguments, "%e" + number + ": " + type +
                          (e.ranks[i] == 1 ? " {qvl.encoding = #qvl.flat<f32>}" : ""));
      join(operands, "%e" + number);
      join(operandTypes, type);
      join(region, "%b" + number + ": f32");
    }
    std::string map;
    auto addMap = [&](const char *name, int64_t group) {
      if (!group)
        return;
      join(arguments, std::string("%") + name + ": tensor<?xi32>");
      map += std::string(" ") + name + "(%" + name + " group " + std::to_string(group) +
             " : tensor<?xi32>)";
    };
    addMap("load", maps.load);
    addMap("store", maps.store);
    std::string with = e.ranks.empty() ? "" : " with(" + operands + ")";
    std::string withTypes = e.ranks.empty() ? "" : " with(" + operandTypes + ")";
    return "func.func @kernel(" + arguments + ") -> " + y + " {\n  %y = qvl.fused_linear %x, (%w)" +
           with + map + " : " + x + ", (" + w + ")" + withTypes + " -> " + y + " {\n^bb0(" +
           region + "):\n" + e.region + "}\n  return %y : " + y + "\n}\n";
  }

  Operand permutation(int64_t groups) {
    Operand index{{"i32", {groups}}, {}};
    index.values.resize(groups);
    std::iota(index.values.begin(), index.values.end(), 0);
    std::shuffle(index.values.begin(), index.values.end(), random);
    return index;
  }

  /// One weight, or two as one operand.
  Operand weight(const Shape &s, int count) {
    Operand w = randomOperand({s.bf16 ? "bf16" : "f32", {count * s.columns, s.depth}, -1});
    std::vector<float> values(w.values.begin(), w.values.end());
    if (count == 2)
      values = interleave(values, s.columns, s.depth);
    w.stored = packPanels(values, values.size() / s.depth, s.depth, s.bf16);
    return w;
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

  RowCase make(const EpilogueText &e, const Shape &s, int64_t rows, const Maps &maps = {}) {
    RowCase c{text(e, s, maps), {}, {{"f32", {rows, s.columns}}}, rows};
    c.operands.push_back(randomOperand({"f32", {rows, s.depth}}));
    c.operands.push_back(weight(s, e.weights));
    for (int rank : e.ranks)
      c.operands.push_back(randomOperand(rank == 1 ? TensorForm{"f32", {s.columns}, -1}
                                                   : TensorForm{"f32", {rows, s.columns}}));
    for (int64_t group : {maps.load, maps.store})
      if (group)
        c.operands.push_back(permutation(rows / group));
    return c;
  }

  /// A chain of `depth` roundings of sums of magnitude at most `depth`, and an epilogue that
  /// magnifies it by less than the sums of its other factor.
  static Tolerance bound(const Shape &s, const EpilogueText &e) {
    double depth = static_cast<double>(s.depth);
    double chain = (4 + std::sqrt(depth)) * 0x1p-24 * (depth + 1);
    return [=](double) { return e.weights == 2 ? chain * (depth + 2) : 2 * chain; };
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
  for (const EpilogueText &e : {kIdentity, kBias, kGelu, kResidual, kGatedUnit})
    for (const Shape &s : kShapes) {
      auto kernel = compile(text(e, s, {}));
      for (int64_t rows : kRows)
        check(*kernel, make(e, s, rows), bound(s, e));
    }
}

TEST_P(FusedLinearKernel, RowMapsPermuteGroups) {
  for (const Maps &maps : {Maps{1, 0}, {0, 1}, {4, 0}, {0, 4}, {4, 1}, {6, 4}, {1, 12}})
    for (const Shape &s : {Shape{97, 66, true}, {64, 33, false}}) {
      auto kernel = compile(text(kBias, s, maps));
      for (int64_t rows : {0, 12, 60, 72, 132})
        check(*kernel, make(kBias, s, rows, maps), bound(s, kBias));
    }
}

TEST_P(FusedLinearKernel, MapsWithOperandsAndTwoWeights) {
  for (int64_t group : {1, 4}) {
    Shape s{160, 35, true};
    auto residual = compile(text(kResidual, s, {group, 0})),
         gated = compile(text(kGatedUnit, s, {group, group}));
    for (int64_t rows : {4, 68, 140}) {
      check(*residual, make(kResidual, s, rows, {group, 0}), bound(s, kResidual));
      check(*gated, make(kGatedUnit, s, rows, {group, group}), bound(s, kGatedUnit));
    }
  }
}

TEST_P(FusedLinearKernel, EpiloguesGiveTheBitsOfSeparateKernels) {
  for (const Shape &s : {Shape{160, 191, true}, {97, 66, false}}) {
    RowCase c = make(kIdentity, s, 77);
    expectUnfused(c, linear(c.operands[0], c.operands[1], nullptr));
    c = make(kBias, s, 77);
    expectUnfused(c, linear(c.operands[0], c.operands[1], &c.operands[2]));
    TensorForm form = c.results[0];
    c = make(kGelu, s, 77);
    expectUnfused(
        c, pointwise("gelu", {{form, linear(c.operands[0], c.operands[1], &c.operands[2])}}));
    c = make(kResidual, s, 77);
    expectUnfused(c,
                  pointwise("add", {c.operands[3],
                                    {form, linear(c.operands[0], c.operands[1], &c.operands[2])}}));
    c = make(kGatedUnit, s, 77);
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
  RowCase all = make(kGatedUnit, s, 130);
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
    RowCase mapped = make(kBias, s, 76, {group, group}), plain = mapped;
    plain.text = text(kBias, s, {});
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
