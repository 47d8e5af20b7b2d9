// Projections, norms and pointwise ops against the numbers of the model specification, C29.

#include "Evaluation.h"

using namespace mlir;
using namespace mlir::qvl;
using namespace mlir::qvl::reference;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

namespace {

using DenseOpsTest = Evaluation;

/// A function of one tensor<?xCxf32> argument whose body is `op`, with `%x` and `%y` for argument
/// and result.
std::string unary(StringRef op, int columns) {
  std::string type = "tensor<?x" + std::to_string(columns) + "xf32>";
  return "func.func @f(%x: " + type + ") -> " + type + " { %y = " + op.str() + " : " + type +
         "\n return %y : " + type + " }";
}

constexpr StringLiteral kLinear = R"(
  func.func @f(%x: tensor<?x3xf32>, %w: tensor<2x3xf32>, %b: tensor<2xf32>) -> tensor<?x2xf32> {
    %y = qvl.linear %x, %w bias %b : tensor<?x3xf32>, tensor<2x3xf32>, tensor<2xf32> -> tensor<?x2xf32>
    return %y : tensor<?x2xf32>
  })";

TEST_F(DenseOpsTest, Linear) {
  Tensor x({2, 3}, {1, 2, 3, 4, 5, 6}), w({2, 3}, {1, 0, -1, 2, 1, 0}), b({2}, {10, 20});
  EXPECT_THAT(tensor(kLinear, {x, w, b}).values, ElementsAre(8, 24, 8, 33));
}

// Eleven columns take the eight-at-a-time path and the single one; each must be its own dot
// product.
TEST_F(DenseOpsTest, LinearOfManyColumns) {
  Tensor w({11, 2});
  std::vector<double> expected;
  for (int64_t n = 0; n < 11; ++n) {
    w.row(n)[0] = static_cast<double>(n);
    w.row(n)[1] = 1;
    expected.push_back(3.0 * n + 5);
  }
  EXPECT_THAT(tensor(R"(
    func.func @f(%x: tensor<?x2xf32>, %w: tensor<11x2xf32>) -> tensor<?x11xf32> {
      %y = qvl.linear %x, %w : tensor<?x2xf32>, tensor<11x2xf32> -> tensor<?x11xf32>
      return %y : tensor<?x11xf32>
    })",
                     {Tensor({1, 2}, {3, 5}), w})
                  .values,
              ::testing::ElementsAreArray(expected));
}

// In ascending order 2^24 absorbs the ones before -2^24 cancels it: an f32 chain gives 1, f64
// gives 3.
TEST_F(DenseOpsTest, LinearSumsInAscendingOrder) {
  constexpr StringLiteral text = R"(
    func.func @f(%x: tensor<?x5xf32>, %w: tensor<1x5xf32>) -> tensor<?x1xf32> {
      %y = qvl.linear %x, %w : tensor<?x5xf32>, tensor<1x5xf32> -> tensor<?x1xf32>
      return %y : tensor<?x1xf32>
    })";
  Tensor x({1, 5}, {0x1p24, 1, 1, -0x1p24, 1}), w({1, 5}, {1, 1, 1, 1, 1});
  EXPECT_THAT(tensor(text, {x, w}, Precision::F32).values, ElementsAre(1));
  EXPECT_THAT(tensor(text, {x, w}, Precision::F64).values, ElementsAre(3));
}

/// A norm of four columns.
std::string rmsNorm(StringRef eps) {
  return ("func.func @f(%x: tensor<?x4xf32>, %w: tensor<4xf32>) -> tensor<?x4xf32> {\n"
          "  %y = qvl.rms_norm %x, %w {eps = " +
          eps +
          " : f64} : tensor<?x4xf32>, tensor<4xf32> -> tensor<?x4xf32>\n"
          "  return %y : tensor<?x4xf32>\n}")
      .str();
}

TEST_F(DenseOpsTest, RmsNorm) {
  // The specification's numbers have no eps (one this small does not show) and come from an f32
  // run, so the last digit may be off by one rounding step.
  constexpr double ulp = 0x1p-23;
  Tensor x({2, 4}, {1, 2, 3, 4, 0, 0, 0, 0});
  EXPECT_THAT(tensor(rmsNorm("1.0e-12"), {x, Tensor({4}, {1, 1, 1, 1})}).values,
              near({0.3651484, 0.7302967, 1.0954452, 1.4605935, 0, 0, 0, 0}, ulp));
  EXPECT_THAT(tensor(rmsNorm("1.0e-12"), {x, Tensor({4}, {2, 0, -1, 1})}).values,
              near({0.7302967, 0, -1.0954452, 1.4605935, 0, 0, 0, 0}, ulp));
}

TEST_F(DenseOpsTest, RmsNormAddsEpsToTheMean) {
  // mean(x²) + eps = 0.25 + 0.75.
  EXPECT_THAT(
      tensor(rmsNorm("0.75"), {Tensor({1, 4}, {1, 0, 0, 0}), Tensor({4}, {3, 1, 1, 1})}).values,
      near({3, 0, 0, 0}, 1e-15));
}

TEST_F(DenseOpsTest, AddAndMul) {
  for (auto [op, first, second] : {std::tuple("add", 4.0, 6.0), std::tuple("mul", 3.0, 8.0)}) {
    std::string text = "func.func @f(%x: tensor<?x2xf32>, %y: tensor<?x2xf32>) -> tensor<?x2xf32> "
                       "{ %z = qvl." +
                       std::string(op) +
                       " %x, %y : tensor<?x2xf32>\n return %z : tensor<?x2xf32> }";
    EXPECT_THAT(tensor(text, {Tensor({1, 2}, {1, 2}), Tensor({1, 2}, {3, 4})}).values,
                ElementsAre(first, second));
    EXPECT_THAT(error(text, {Tensor({1, 2}), Tensor({3, 2})}),
                HasSubstr("rhs has 3 rows instead of 1"));
  }
}

TEST_F(DenseOpsTest, Silu) {
  // Far out, silu is x or 0 and neither infinite nor NaN.
  EXPECT_THAT(tensor(unary("qvl.silu %x", 4), {Tensor({1, 4}, {1, 0, 1000, -1000})}).values,
              near({0.7310586, 0, 1000, 0}, 5e-8));
}

TEST_F(DenseOpsTest, GeluIsTheErfForm) {
  EXPECT_THAT(tensor(unary("qvl.gelu %x", 3), {Tensor({1, 3}, {1, -1, 0})}).values,
              near({0.8413447, -0.1586553, 0}, 5e-8));
}

// bf16 keeps eight bits: between 1 and 1 + 2^-7 the middle goes to the even 1, and all above it up.
TEST_F(DenseOpsTest, CastRoundsToNearestEven) {
  Tensor x({1, 4}, {1 + 0x1p-8, 1 + 0x1p-8 + 0x1p-20, 1 + 3 * 0x1p-8, -1 - 0x1p-8});
  constexpr StringLiteral text = R"(
    func.func @f(%x: tensor<?x4xf32>) -> tensor<?x4xbf16> {
      %y = qvl.cast %x : tensor<?x4xf32> -> tensor<?x4xbf16>
      return %y : tensor<?x4xbf16>
    })";
  for (Precision precision : {Precision::F64, Precision::F32})
    EXPECT_THAT(tensor(text, {x}, precision).values, ElementsAre(1, 1 + 0x1p-7, 1 + 0x1p-6, -1));
}

TEST_F(DenseOpsTest, SplitHeads) {
  auto results = run(R"(
    func.func @f(%x: tensor<?x6xf32>) -> (tensor<?x2x2xf32>, tensor<?x1x2xf32>) {
      %a, %b = qvl.split_heads %x {heads = array<i64: 2, 1>, head_dim = 2 : i64}
          : tensor<?x6xf32> -> tensor<?x2x2xf32>, tensor<?x1x2xf32>
      return %a, %b : tensor<?x2x2xf32>, tensor<?x1x2xf32>
    })",
                     {Tensor({2, 6}, {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11})});
  ASSERT_TRUE(succeeded(results)) << diagnostics;
  EXPECT_THAT(std::get<Tensor>((*results)[0]).values, ElementsAre(0, 1, 2, 3, 6, 7, 8, 9));
  EXPECT_THAT(std::get<Tensor>((*results)[1]).values, ElementsAre(4, 5, 10, 11));
}

// Row (3, 4) has the mean square 12.5, row (1, 1) the mean square 1.
TEST_F(DenseOpsTest, RmsNormMergesRows) {
  constexpr StringLiteral text = R"(
    func.func @f(%x: tensor<?x2xf32>, %w: tensor<2xf32>) -> tensor<?x4xf32> {
      %y = qvl.rms_norm %x, %w {eps = 1.0e-12 : f64, merge = 2 : i64}
          : tensor<?x2xf32>, tensor<2xf32> -> tensor<?x4xf32>
      return %y : tensor<?x4xf32>
    })";
  Tensor w({2}, {1, 10});
  Tensor y = tensor(text, {Tensor({4, 2}, {3, 4, 1, 1, 1, 1, 3, 4}), w});
  EXPECT_THAT(y.shape, ElementsAre(2, 4));
  double three = 0.8485281374238570, four = 1.131370849898476;
  EXPECT_THAT(y.values, near({three, 10 * four, 1, 10, 1, 10, three, 10 * four}, 1e-11));
  EXPECT_THAT(error(text, {Tensor({3, 2}), w}), HasSubstr("cannot merge 3 rows by 2"));
}

} // namespace
