// Elementwise kernels against the interpreter.

#include "RowFixture.h"

#include <cmath>

namespace qvl::test {
namespace {

class PointwiseKernel : public RowKernel {
protected:
  /// A case of an op with one or two operands of one type.
  RowCase make(const std::string &op, int operands, int64_t rows, int64_t columns,
               const std::string &element) {
    TensorForm form{element, {rows, columns}};
    std::string type = form.type(), names = operands == 2 ? "%x, %y" : "%x";
    RowCase c{"func.func @kernel(%x: " + type + (operands == 2 ? ", %y: " + type : "") + ") -> " +
                  type + " {\n  %z = qvl." + op + " " + names + " : " + type +
                  "\n  return %z : " + type + "\n}\n",
              {},
              {form},
              rows};
    for (int i = 0; i < operands; ++i)
      c.operands.push_back(randomOperand(form));
    return c;
  }

  void checkShapes(const std::string &op, int operands, const Tolerance &tolerance,
                   double scale = 1) {
    for (int64_t columns : {1, 20, 80, 112, 192, 1280}) {
      auto kernel = compile(make(op, operands, 1, columns, "f32").text);
      for (int64_t rows : kRowCounts) {
        RowCase c = make(op, operands, rows, columns, "f32");
        for (Operand &operand : c.operands)
          for (double &value : operand.values)
            value = static_cast<float>(value * scale);
        check(*kernel, c, tolerance);
      }
    }
  }
};

TEST_P(PointwiseKernel, AddIsExact) { checkShapes("add", 2, exactly()); }

TEST_P(PointwiseKernel, MulIsExact) { checkShapes("mul", 2, exactly()); }

// exp within 2 ulp, then a sum and a quotient. Where exp(−x) overflows the result is 0 and misses
// less than 89 · e^-88.7.
TEST_P(PointwiseKernel, SiluOverTheWholeRange) {
  checkShapes("silu", 1, ulps(3));
  checkShapes("silu", 1, ulps(3, 4e-37), 200);
}

// 1 + erf cancels for negative x: its error is that of numbers near 1, so the bound is relative to
// x.
TEST_P(PointwiseKernel, GeluUsesTheErrorFunction) {
  auto kernel = compile(make("gelu", 1, 1, 512, "f32").text);
  RowCase c = make("gelu", 1, 33, 512, "f32");
  for (double &value : c.operands[0].values)
    value = static_cast<float>(value * 8);
  check(*kernel, c, [](double) { return 8 * 0x1p-23; });
  checkShapes("gelu", 1, [](double) { return 0x1p-23; });
}

TEST_P(PointwiseKernel, Bf16OperandsAreComputedInF32) {
  for (const char *op : {"add", "mul"})
    for (int64_t columns : {20, 112}) {
      RowCase c = make(op, 2, 17, columns, "bf16");
      check(*compile(c.text), c, exactly());
    }
}

class CastKernel : public RowKernel {
protected:
  RowCase make(const std::string &from, const std::string &to, int64_t rows, int64_t columns) {
    TensorForm input{from, {rows, columns}}, result{to, {rows, columns}};
    return {"func.func @kernel(%x: " + input.type() + ") -> " + result.type() +
                " {\n  %y = qvl.cast %x : " + input.type() + " -> " + result.type() +
                "\n  return %y : " + result.type() + "\n}\n",
            {randomOperand(input)},
            {result},
            rows};
  }
};

TEST_P(CastKernel, RoundsToNearestEven) {
  for (int64_t columns : {20, 80, 192}) {
    auto narrow = compile(make("f32", "bf16", 1, columns).text),
         wide = compile(make("bf16", "f32", 1, columns).text);
    for (int64_t rows : kRowCounts) {
      check(*narrow, make("f32", "bf16", rows, columns), exactly());
      check(*wide, make("bf16", "f32", rows, columns), exactly());
    }
  }
}

TEST_P(CastKernel, TiesAndSpecialValues) {
  RowCase c = make("f32", "bf16", 1, 20);
  std::vector<double> &values = c.operands[0].values;
  std::fill(values.begin(), values.end(), 0);
  // Ties go to the even neighbour; the largest numbers round to infinity.
  std::vector<double> in{0x1.01p0,  0x1.03p0,   0x1.0100020p0,  -0x1.03p0, INFINITY,
                         -INFINITY, 0x1.fep127, 0x1.fffffep127, 0x1p-133,  0x1p-149};
  std::copy(in.begin(), in.end(), values.begin());
  std::vector<double> out = run(*compile(c.text), c)[0];
  std::vector<double> expected{0x1p0,     0x1.04p0,   0x1.02p0, -0x1.04p0, INFINITY,
                               -INFINITY, 0x1.fep127, INFINITY, 0x1p-133,  0};
  for (size_t i = 0; i < expected.size(); ++i)
    EXPECT_EQ(out[i], expected[i]) << in[i];
  values.assign(20, NAN);
  out = run(*compile(c.text), c)[0];
  for (double value : out)
    EXPECT_TRUE(std::isnan(value));
}

QVL_INSTANTIATE_KERNEL_TESTS(PointwiseKernel);
QVL_INSTANTIATE_KERNEL_TESTS(CastKernel);

} // namespace
} // namespace qvl::test
