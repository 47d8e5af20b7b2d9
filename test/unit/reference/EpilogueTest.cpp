// Epilogue regions of fused projections: every scalar op, precision, and what is refused.

#include "Evaluation.h"

#include <cmath>
#include <limits>

using namespace mlir;
using namespace mlir::qvl;
using namespace mlir::qvl::reference;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsNan;

namespace {

/// `steps` make `%r` of `%x` and `%y`: the input, projected by the weight 1, and the operand.
class EpilogueTest : public Evaluation {
protected:
  static std::string text(StringRef steps, StringRef type = "f32") {
    std::string rows = ("tensor<?x1x" + type + ">").str();
    return "func.func @f(%in: " + rows + ", %w: tensor<1x1xf32>, %operand: tensor<?x1xf32>) -> " +
           rows + " { %out = qvl.fused_linear %in, (%w) with(%operand) : " + rows +
           ", (tensor<1x1xf32>) with(tensor<?x1xf32>) -> " + rows +
           " {\n^bb0(%x: f32, %y: f32):\n" + steps.str() +
           "\nqvl.yield %r : f32 }\n return %out : " + rows + " }";
  }
  static std::vector<RuntimeValue> arguments(double x, double y) {
    return {Tensor({1, 1}, {x}), Tensor({1, 1}, {1.0}), Tensor({1, 1}, {y})};
  }
  double value(StringRef steps, double x, double y = 0, Precision precision = Precision::F64) {
    return tensor(text(steps), arguments(x, y), precision).values.at(0);
  }
  double unary(StringRef op, double x) { return value(("%r = " + op + " %x : f32").str(), x); }
  double binary(StringRef op, double x, double y) {
    return value(("%r = " + op + " %x, %y : f32").str(), x, y);
  }
};

TEST_F(EpilogueTest, Arithmetic) {
  EXPECT_EQ(binary("arith.addf", 7, -2), 5);
  EXPECT_EQ(binary("arith.subf", 7, -2), 9);
  EXPECT_EQ(binary("arith.mulf", 7, -2), -14);
  EXPECT_EQ(binary("arith.divf", 7, -2), -3.5);
  EXPECT_EQ(unary("arith.negf", 7), -7);
}

TEST_F(EpilogueTest, MaximumAndMinimum) {
  EXPECT_EQ(binary("arith.maximumf", 7, -2), 7);
  EXPECT_EQ(binary("arith.maximumf", -2, 7), 7);
  EXPECT_EQ(binary("arith.minimumf", 7, -2), -2);
  EXPECT_EQ(binary("arith.minimumf", -2, 7), -2);
  // IEEE-754 maximum and minimum order the zeros and hand on NaN.
  EXPECT_FALSE(std::signbit(1 / binary("arith.maximumf", -0.0, 0)));
  EXPECT_FALSE(std::signbit(1 / binary("arith.maximumf", 0, -0.0)));
  EXPECT_TRUE(std::signbit(1 / binary("arith.minimumf", 0, -0.0)));
  double nan = std::numeric_limits<double>::quiet_NaN();
  for (StringRef op : {"arith.maximumf", "arith.minimumf"}) {
    EXPECT_THAT(binary(op, nan, 1), IsNan());
    EXPECT_THAT(binary(op, 1, nan), IsNan());
  }
}

TEST_F(EpilogueTest, Functions) {
  EXPECT_NEAR(unary("math.exp", 1), 2.718281828459045, 1e-15);
  EXPECT_NEAR(unary("math.erf", 0.5), 0.5204998778130465, 1e-15);
  EXPECT_NEAR(unary("math.tanh", 0.5), 0.4621171572600098, 1e-15);
  EXPECT_EQ(unary("math.sqrt", 9), 3);
  EXPECT_EQ(unary("math.rsqrt", 16), 0.25);
  EXPECT_EQ(unary("math.absf", -7), 7);
}

TEST_F(EpilogueTest, Constants) {
  EXPECT_EQ(value("%c = arith.constant 2.5 : f32\n%r = arith.mulf %x, %c : f32", 4), 10);
  EXPECT_EQ(value("%r = arith.constant 0.1 : f32", 0), double{0.1f}); // As the IR has it.
}

// Between the ops of a region, too, an f32 run rounds and an f64 run does not.
TEST_F(EpilogueTest, RoundsEachStep) {
  StringRef steps = "%s = arith.addf %x, %y : f32\n%r = arith.subf %s, %x : f32";
  EXPECT_EQ(value(steps, 1, 0x1p-30, Precision::F64), 0x1p-30);
  EXPECT_EQ(value(steps, 1, 0x1p-30, Precision::F32), 0);
}

// A bf16 result is rounded once, when it is stored: the sum 1 + 2^-9 is no bf16.
TEST_F(EpilogueTest, RoundsTheResultOnly) {
  std::string narrow = text("%s = arith.addf %x, %y : f32\n%r = arith.subf %s, %x : f32", "bf16");
  EXPECT_THAT(tensor(narrow, arguments(1, 0x1p-9)).values, ElementsAre(0x1p-9));
  EXPECT_THAT(tensor(text("%r = arith.addf %x, %y : f32", "bf16"), arguments(1, 0x1p-9)).values,
              ElementsAre(1));
}

TEST_F(EpilogueTest, ReusesValues) {
  EXPECT_EQ(value("%a = arith.mulf %x, %x : f32\n%r = arith.addf %a, %x : f32", 3), 12);
}

TEST_F(EpilogueTest, RefusesOtherOps) {
  EXPECT_THAT(error(text("%r = math.sin %x : f32"), arguments(1, 1)),
              HasSubstr("'math.sin' op is unknown to the reference interpreter"));
  EXPECT_THAT(error(text("%i = arith.constant 1 : i32\n%r = arith.sitofp %i : i32 to f32"),
                    arguments(1, 1)),
              HasSubstr("'arith.constant' op is unknown"));
}

} // namespace
