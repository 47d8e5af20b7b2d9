// qvl.rms_norm against the interpreter.

#include "RowFixture.h"

#include <cmath>

namespace qvl::test {
namespace {

class NormKernel : public RowKernel {
protected:
  RowCase make(int64_t rows, int64_t columns, const std::string &stored = "f32",
               int64_t merge = 1) {
    TensorForm form{"f32", {rows, columns}}, weight{stored, {columns}, -1};
    TensorForm result{"f32", {rows / merge, columns * merge}};
    std::string attribute = merge > 1 ? ", merge = " + std::to_string(merge) : "";
    Operand w = randomOperand(weight);
    return {"func.func @kernel(%x: " + form.type() + ", %w: " + weight.type() +
                " {qvl.encoding = #qvl.flat<" + stored + ">}) -> " + result.type() +
                " {\n  %y = qvl.rms_norm %x, %w {eps = 1.0e-6 : f64" + attribute +
                "} : " + form.type() + ", " + weight.type() + " -> " + result.type() +
                "\n  return %y : " + result.type() + "\n}\n",
            {randomOperand(form), w},
            {result},
            rows};
  }

  /// A lane adds columns / 32 squares, six levels of the tree follow; the root halves their error.
  /// Mean, eps, 1/sqrt and two products round once or twice each.
  static Tolerance bound(int64_t columns) { return ulps((columns / 32.0 + 6) / 2 + 4); }
};

TEST_P(NormKernel, MatchesOnRaggedShapes) {
  for (int64_t columns : {1, 20, 31, 32, 80, 112, 128, 192, 320, 1280}) {
    auto kernel = compile(make(1, columns).text);
    for (int64_t rows : kRowCounts)
      check(*kernel, make(rows, columns), bound(columns));
  }
}

TEST_P(NormKernel, WidensStoredBf16Weights) {
  RowCase c = make(17, 80, "bf16");
  check(*compile(c.text), c, bound(80));
}

TEST_P(NormKernel, RowsOfZerosStayZero) {
  RowCase c = make(3, 112);
  std::fill(c.operands[0].values.begin() + 112, c.operands[0].values.begin() + 224, 0.0);
  check(*compile(c.text), c, bound(112));
}

TEST_P(NormKernel, MergedRowsLieSideBySide) {
  for (int64_t merge : {2, 4})
    for (int64_t columns : {20, 80, 320}) {
      auto kernel = compile(make(merge, columns, "f32", merge).text);
      for (int64_t rows : {0, 4, 16, 20, 64})
        check(*kernel, make(rows, columns, "f32", merge), bound(columns));
    }
}

TEST_P(NormKernel, RowsBehindTheLastWholeGroupAreLeftOut) {
  RowCase ragged = make(23, 80, "f32", 4), whole = ragged;
  auto kernel = compile(ragged.text);
  whole.operands[0].form.shape[0] = whole.gridRows = 20;
  whole.operands[0].values.resize(20 * 80);
  EXPECT_EQ(run(*kernel, ragged), run(*kernel, whole));
}

// C10: a row's result does not depend on where it stands or on how many rows there are.
TEST_P(NormKernel, RowsDoNotDependOnTheirNeighbours) {
  RowCase all = make(33, 320);
  auto kernel = compile(all.text);
  std::vector<double> whole = run(*kernel, all)[0];
  for (int64_t row : {0, 7, 16, 32}) {
    RowCase one = make(1, 320);
    one.operands[1] = all.operands[1];
    std::copy_n(all.operands[0].values.begin() + row * 320, 320, one.operands[0].values.begin());
    std::vector<double> alone = run(*kernel, one)[0];
    EXPECT_TRUE(std::equal(alone.begin(), alone.end(), whole.begin() + row * 320)) << "row " << row;
  }
}

QVL_INSTANTIATE_KERNEL_TESTS(NormKernel);

} // namespace
} // namespace qvl::test
