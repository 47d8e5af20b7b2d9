// Rotary tables against the numbers of the model specification, C16 and C17, and rotations.

#include "Evaluation.h"

#include <array>
#include <cmath>

using namespace mlir;
using namespace mlir::qvl;
using namespace mlir::qvl::reference;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

namespace {

using PositionOpsTest = Evaluation;

/// Expects angle `i` of the table's first row; the table holds its cosine and sine.
void expectAngle(const Tensor &table, int64_t i, double angle) {
  EXPECT_NEAR(table.values[2 * i], std::cos(angle), 2e-6) << i;
  EXPECT_NEAR(table.values[2 * i + 1], std::sin(angle), 2e-6) << i;
}

TEST_F(PositionOpsTest, VisionTable) {
  Tensor table = tensor(R"(
    func.func @f(%p: tensor<2x?xi32>) -> tensor<?x40x2xf32> {
      %t = qvl.rope_table %p {theta = 1.0e4 : f64, sections = array<i64: 20, 20>,
          frequencies = #qvl.frequencies<per_axis>} : tensor<2x?xi32> -> tensor<?x40x2xf32>
      return %t : tensor<?x40x2xf32>
    })",
                        {Tensor({2, 1}, {2, 3})});
  EXPECT_THAT(table.shape, ElementsAre(1, 40, 2));
  for (auto [i, angle] : {std::pair(0, 2.0),
                          {1, 1.2619146},
                          {19, 3.1697867e-4},
                          {20, 3.0},
                          {21, 1.8928719},
                          {39, 4.7546800e-4}})
    expectAngle(table, i, angle);
  EXPECT_NEAR(table.values[0], -0.4161468, 5e-8);
  EXPECT_NEAR(table.values[1], 0.9092974, 5e-8);
}

constexpr StringLiteral kTextTable = R"(
  func.func @f(%p: tensor<3x?xi32>) -> tensor<?x64x2xf32> {
    %t = qvl.rope_table %p {theta = 1.0e6 : f64, sections = array<i64: 16, 24, 24>,
        frequencies = #qvl.frequencies<shared>} : tensor<3x?xi32> -> tensor<?x64x2xf32>
    return %t : tensor<?x64x2xf32>
  })";

TEST_F(PositionOpsTest, TextTable) {
  Tensor table = tensor(kTextTable, {Tensor({3, 2}, {0, 23, 0, 20, 0, 21})});
  ASSERT_THAT(table.shape, ElementsAre(2, 64, 2));
  expectAngle(table, 0, 0); // The first row stands at the origin.
  Tensor second({1, 64, 2}, {table.row(1), table.row(1) + table.columns()});
  for (auto [i, angle] : {std::pair(0, 23.0),
                          {1, 18.534370},
                          {15, 0.9025637},
                          {16, 0.6324556},
                          {39, 4.4134683e-3},
                          {40, 3.7343868e-3},
                          {63, 2.6059693e-5}})
    expectAngle(second, i, angle);
  EXPECT_NEAR(second.values[0], -0.5328330, 5e-8);
  EXPECT_NEAR(second.values[1], -0.8462204, 5e-8);
}

// Beyond 2^17 the exact product of position and frequency and its f32 rounding differ by up to a
// hundredth of a radian: f64 runs must still take the rounded angle.
TEST_F(PositionOpsTest, AnglesAreF32InEveryPrecision) {
  Tensor positions({3, 1}, {100003, 0, 0});
  Tensor exact = tensor(kTextTable, {positions}, Precision::F64);
  Tensor rounded = tensor(kTextTable, {positions}, Precision::F32);
  auto frequency = static_cast<float>(1.0f / static_cast<float>(std::pow(1.0e6, 1.0 / 64)));
  float angle = 100003.0f * frequency;
  EXPECT_DOUBLE_EQ(exact.values[2], std::cos(static_cast<double>(angle)));
  EXPECT_NEAR(rounded.values[2], exact.values[2], 1e-7);
}

// One axis and one angle of frequency 1, so that a row is the cosine and sine of its position.
// Pairs of rows come in the order 2, 0, 1.
TEST_F(PositionOpsTest, RowMapPermutesGroups) {
  constexpr StringLiteral text = R"(
    func.func @f(%p: tensor<1x?xi32>, %w: tensor<?xi32>) -> tensor<?x1x2xf32> {
      %t = qvl.rope_table %p rows(%w group 2 : tensor<?xi32>) {theta = 1.0e4 : f64,
          sections = array<i64: 1>, frequencies = #qvl.frequencies<shared>} : tensor<1x?xi32> -> tensor<?x1x2xf32>
      return %t : tensor<?x1x2xf32>
    })";
  Tensor positions({1, 6}, {0, 1, 2, 3, 4, 5});
  Tensor table = tensor(text, {positions, Tensor({3}, {2, 0, 1})});
  ASSERT_THAT(table.shape, ElementsAre(6, 1, 2));
  for (auto [t, position] : llvm::enumerate(std::array{4, 5, 0, 1, 2, 3})) {
    EXPECT_DOUBLE_EQ(table.row(t)[0], std::cos(position)) << t;
    EXPECT_DOUBLE_EQ(table.row(t)[1], std::sin(position)) << t;
  }
  EXPECT_THAT(error(text, {positions, Tensor({3}, {2, 0, 2})}), HasSubstr("not a permutation"));
  EXPECT_THAT(error(text, {positions, Tensor({2}, {0, 1})}), HasSubstr("does not fit 6 rows"));
}

constexpr StringLiteral kRotate = R"(
  func.func @f(%x: tensor<?x2x4xf32>, %t: tensor<?x2x2xf32>) -> tensor<?x2x4xf32> {
    %y = qvl.rotate %x, %t : tensor<?x2x4xf32>, tensor<?x2x2xf32>
    return %y : tensor<?x2x4xf32>
  })";

// A quarter turn of the first pair (elements 0 and 2, not 0 and 1), none of the second.
TEST_F(PositionOpsTest, RotateIsHalfSplit) {
  Tensor x({1, 2, 4}, {1, 2, 3, 4, 5, 6, 7, 8}), table({1, 2, 2}, {0, 1, 1, 0});
  EXPECT_THAT(tensor(kRotate, {x, table}).values, ElementsAre(-3, 2, 1, 4, -7, 6, 5, 8));
  EXPECT_THAT(error(kRotate, {x, Tensor({2, 2, 2})}), HasSubstr("table has 2 rows instead of 1"));
}

} // namespace
