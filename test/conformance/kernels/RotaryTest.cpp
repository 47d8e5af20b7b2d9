// qvl.rope_table and qvl.rotate against the interpreter.

#include "RowFixture.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace qvl::test {
namespace {

class RopeTableKernel : public RowKernel {
protected:
  /// `group` is that of a row map through a random permutation; 0 for none.
  RowCase make(int64_t rows, std::vector<int64_t> sections, double theta, bool shared,
               int64_t limit, int64_t group = 0) {
    int64_t angles = 0;
    std::string list;
    for (int64_t size : sections) {
      angles += size;
      list += (list.empty() ? "" : ", ") + std::to_string(size);
    }
    TensorForm positions{"i32", {static_cast<int64_t>(sections.size()), rows}, 1},
        table{"f32", {rows, angles, 2}};
    std::string map = group ? " rows(%i group " + std::to_string(group) + " : tensor<?xi32>)" : "";
    RowCase c{"func.func @kernel(%p: " + positions.type() + (group ? ", %i: tensor<?xi32>" : "") +
                  ") -> " + table.type() + " {\n  %t = qvl.rope_table %p" + map +
                  " {theta = " + std::to_string(theta) + " : f64, sections = array<i64: " + list +
                  ">, frequencies = #qvl.frequencies<" + (shared ? "shared" : "per_axis") +
                  ">} : " + positions.type() + " -> " + table.type() +
                  "\n  return %t : " + table.type() + "\n}\n",
              {randomIndices(positions, limit)},
              {table},
              rows};
    if (group) {
      Operand index{{"i32", {rows / group}}, std::vector<double>(rows / group)};
      std::iota(index.values.begin(), index.values.end(), 0);
      std::shuffle(index.values.begin(), index.values.end(), random);
      c.operands.push_back(index);
    }
    return c;
  }
};

// Angles are f32 on both sides, and sine and cosine are rounded once from f64.
TEST_P(RopeTableKernel, TextSectionsAtLongContexts) {
  for (auto sections : {std::vector<int64_t>{16, 24, 24}, {4, 6, 6}, {2, 3, 3}}) {
    auto kernel = compile(make(1, sections, 1e6, true, 1).text);
    for (int64_t rows : kRowCounts)
      check(*kernel, make(rows, sections, 1e6, true, 128000), ulps(0.501));
  }
}

TEST_P(RopeTableKernel, VisionAxesShareFrequencies) {
  for (auto sections : {std::vector<int64_t>{20, 20}, {4, 4}, {5, 5}, {8, 8}}) {
    auto kernel = compile(make(1, sections, 1e4, false, 1).text);
    for (int64_t rows : kRowCounts)
      check(*kernel, make(rows, sections, 1e4, false, 1000), ulps(0.501));
  }
}

TEST_P(RopeTableKernel, RowMapsPermutePositions) {
  for (int64_t group : {1, 4}) {
    auto kernel = compile(make(4, {20, 20}, 1e4, false, 1, group).text);
    for (int64_t rows : {0, 4, 16, 20, 72})
      check(*kernel, make(rows, {20, 20}, 1e4, false, 1000, group), ulps(0.501));
  }
}

class RotateKernel : public RowKernel {
protected:
  RowCase make(int64_t rows, int64_t heads, int64_t headDim, const std::string &element = "f32") {
    TensorForm input{element, {rows, heads, headDim}}, table{"f32", {rows, headDim / 2, 2}};
    Operand turns = randomOperand(table);
    for (size_t i = 0; i < turns.values.size(); i += 2) {
      double angle = turns.values[i] * 4;
      turns.values[i] = static_cast<float>(std::cos(angle));
      turns.values[i + 1] = static_cast<float>(std::sin(angle));
    }
    return {"func.func @kernel(%x: " + input.type() + ", %t: " + table.type() + ") -> " +
                input.type() + " {\n  %y = qvl.rotate %x, %t : " + input.type() + ", " +
                table.type() + "\n  return %y : " + input.type() + "\n}\n",
            {randomOperand(input), turns},
            {input},
            rows};
  }
};

TEST_P(RotateKernel, MatchesOnAllHeadSizes) {
  for (auto [heads, headDim] : {std::pair<int64_t, int64_t>{2, 16},
                                {4, 20},
                                {3, 24},
                                {6, 32},
                                {2, 40},
                                {16, 80},
                                {2, 128}}) {
    auto kernel = compile(make(1, heads, headDim).text);
    // Two products of numbers up to 1, each rounded once, and the sum.
    for (int64_t rows : kRowCounts)
      check(*kernel, make(rows, heads, headDim), [](double) { return 0x1p-23; });
  }
}

TEST_P(RotateKernel, Bf16HeadsAreRotatedInF32) {
  RowCase c = make(17, 2, 20, "bf16");
  check(*compile(c.text), c,
        [](double reference) { return 0x1p-8 * std::abs(reference) + 0x1p-23; });
}

QVL_INSTANTIATE_KERNEL_TESTS(RopeTableKernel);
QVL_INSTANTIATE_KERNEL_TESTS(RotateKernel);

} // namespace
} // namespace qvl::test
