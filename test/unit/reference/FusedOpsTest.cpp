// The ops that fusion makes against numbers worked out by hand and against the ops they replace.

#include "Evaluation.h"

using namespace mlir;
using namespace mlir::qvl;
using namespace mlir::qvl::reference;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

namespace {

using FusedOpsTest = Evaluation;

constexpr StringLiteral kResidual = R"(
  func.func @f(%x: tensor<?x2xf32>, %w: tensor<3x2xf32>, %b: tensor<3xf32>, %r: tensor<?x3xf32>) -> tensor<?x3xf32> {
    %y = qvl.fused_linear %x, (%w) with(%b, %r) : tensor<?x2xf32>, (tensor<3x2xf32>) with(tensor<3xf32>, tensor<?x3xf32>) -> tensor<?x3xf32> {
    ^bb0(%acc: f32, %bias: f32, %residual: f32):
      %0 = arith.addf %acc, %bias : f32
      %1 = arith.mulf %residual, %0 : f32
      qvl.yield %1 : f32
    }
    return %y : tensor<?x3xf32>
  })";

// Projections (1, 2, 3) and (3, 4, 7); a vector goes to columns, a matrix to elements.
TEST_F(FusedOpsTest, Operands) {
  Tensor x({2, 2}, {1, 2, 3, 4}), w({3, 2}, {1, 0, 0, 1, 1, 1}), b({3}, {10, 20, 30});
  EXPECT_THAT(tensor(kResidual, {x, w, b, Tensor({2, 3}, {1, 2, 3, -1, -2, -3})}).values,
              ElementsAre(11, 44, 99, -13, -48, -111));
  EXPECT_THAT(error(kResidual, {x, w, b, Tensor({3, 3})}),
              HasSubstr("epilogue operand has 3 rows instead of 2"));
}

TEST_F(FusedOpsTest, NoRows) {
  Tensor y = tensor(kResidual, {Tensor({0, 2}), Tensor({3, 2}), Tensor({3}), Tensor({0, 3})});
  EXPECT_THAT(y.shape, ElementsAre(0, 3));
}

// The second weight lies below the first: 3 - 10 and 1 - 2, then 7 - 20 and 3 - 4.
TEST_F(FusedOpsTest, TwoWeights) {
  constexpr StringLiteral text = R"(
    func.func @f(%x: tensor<?x2xf32>, %w: tensor<4x2xf32>) -> tensor<?x2xf32> {
      %y = qvl.fused_linear %x, (%w) : tensor<?x2xf32>, (tensor<4x2xf32>) -> tensor<?x2xf32> {
      ^bb0(%first: f32, %second: f32):
        %0 = arith.subf %first, %second : f32
        qvl.yield %0 : f32
      }
      return %y : tensor<?x2xf32>
    })";
  Tensor x({2, 2}, {1, 2, 3, 4}), w({4, 2}, {1, 1, 1, 0, 0, 5, 0, 1});
  EXPECT_THAT(tensor(text, {x, w}).values, ElementsAre(-7, -1, -13, -1));
}

/// Ten times each row of one column, and a residual behind it where there is no store map.
std::string mapped(StringRef maps, bool residual = false) {
  StringRef operand = residual ? " with(%r)" : "", type = residual ? " with(tensor<?x1xf32>)" : "";
  return ("func.func @f(%x: tensor<?x1xf32>, %w: tensor<1x1xf32>, %i: tensor<?xi32>, "
          "%r: tensor<?x1xf32>) -> tensor<?x1xf32> { %y = qvl.fused_linear %x, (%w)" +
          operand + " " + maps + " : tensor<?x1xf32>, (tensor<1x1xf32>)" + type +
          " -> tensor<?x1xf32> {\n" +
          (residual ? "^bb0(%a: f32, %b: f32):\n %s = arith.addf %a, %b : f32\n qvl.yield %s : f32"
                    : "^bb0(%a: f32):\n qvl.yield %a : f32") +
          " }\n return %y : tensor<?x1xf32> }")
      .str();
}

std::vector<RuntimeValue> mappedArguments(Tensor index) {
  Tensor x({6, 1}, {0, 1, 2, 3, 4, 5}), residual({6, 1}, {100, 200, 300, 400, 500, 600});
  return {x, Tensor({1, 1}, {10.0}), std::move(index), residual};
}

constexpr StringLiteral kLoad = "load(%i group 2 : tensor<?xi32>)";
constexpr StringLiteral kStore = "store(%i group 2 : tensor<?xi32>)";

// Pairs in the order 2, 0, 1: loading brings pair 2 to the front, storing sends the front to pair
// 2.
TEST_F(FusedOpsTest, RowMaps) {
  Tensor index({3}, {2, 0, 1});
  EXPECT_THAT(tensor(mapped(kLoad), mappedArguments(index)).values,
              ElementsAre(40, 50, 0, 10, 20, 30));
  EXPECT_THAT(tensor(mapped(kStore), mappedArguments(index)).values,
              ElementsAre(20, 30, 40, 50, 0, 10));
  EXPECT_THAT(tensor(mapped((kLoad + " " + kStore).str()), mappedArguments(index)).values,
              ElementsAre(0, 10, 20, 30, 40, 50));
}

// An operand belongs to the row that is written, not to the one that is read.
TEST_F(FusedOpsTest, OperandsOfMappedRows) {
  EXPECT_THAT(tensor(mapped(kLoad, true), mappedArguments(Tensor({3}, {2, 0, 1}))).values,
              ElementsAre(140, 250, 300, 410, 520, 630));
}

TEST_F(FusedOpsTest, RefusesMapsThatAreNoPermutations) {
  for (StringRef map : {kLoad, kStore}) {
    EXPECT_THAT(error(mapped(map), mappedArguments(Tensor({3}, {2, 0, 2}))),
                HasSubstr("not a permutation: group 2 stands in it twice"));
    EXPECT_THAT(error(mapped(map), mappedArguments(Tensor({3}, {2, 0, 3}))),
                HasSubstr("group 3 is outside of [0, 3)"));
    EXPECT_THAT(error(mapped(map), mappedArguments(Tensor({3}, {2, 0, -1}))),
                HasSubstr("outside of [0, 3)"));
    EXPECT_THAT(error(mapped(map), mappedArguments(Tensor({2}, {1, 0}))),
                HasSubstr("index of 2 groups of 2 rows does not fit 6 rows"));
  }
}

constexpr StringLiteral kRopeQk = R"(
  func.func @f(%x: tensor<?x8xf32>, %t: tensor<?x1x2xf32>) -> (tensor<?x2x2xf32>, tensor<?x1x2xf32>, tensor<?x1x2xf32>) {
    %q, %k, %v = qvl.rope_qk %x, %t {heads = array<i64: 2, 1, 1>, head_dim = 2 : i64}
        : tensor<?x8xf32>, tensor<?x1x2xf32> -> tensor<?x2x2xf32>, tensor<?x1x2xf32>, tensor<?x1x2xf32>
    return %q, %k, %v : tensor<?x2x2xf32>, tensor<?x1x2xf32>, tensor<?x1x2xf32>
  })";

// A quarter turn takes (a, b) to (-b, a); the second row is not turned at all.
TEST_F(FusedOpsTest, RopeQk) {
  Tensor x({2, 8}, {1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 5, 6, 7, 8});
  auto results = run(kRopeQk, {x, Tensor({2, 1, 2}, {0, 1, 1, 0})});
  ASSERT_TRUE(succeeded(results)) << diagnostics;
  EXPECT_THAT(std::get<Tensor>((*results)[0]).values, ElementsAre(-2, 1, -4, 3, 1, 2, 3, 4));
  EXPECT_THAT(std::get<Tensor>((*results)[1]).values, ElementsAre(-6, 5, 5, 6));
  EXPECT_THAT(std::get<Tensor>((*results)[2]).values, ElementsAre(7, 8, 7, 8));
  EXPECT_THAT(error(kRopeQk, {x, Tensor({1, 1, 2})}), HasSubstr("table has 1 rows instead of 2"));
}

/// rope_append of two query heads into layer `layer` of a cache of two layers.
std::string ropeAppend(int layer, StringRef rows, StringRef element) {
  return ("func.func @f(%x: tensor<?x8x" + rows +
          ">, %t: tensor<?x1x2xf32>, %c: !qvl.cache<2, 1, 2, 64, " + element +
          ">, %s: tensor<?xi64>) -> (tensor<?x2x2x" + rows + ">, !qvl.cache<2, 1, 2, 64, " +
          element + ">) { %l = arith.constant " + Twine(layer) +
          " : index\n %q, %d = qvl.rope_append %x, %t, %c layer(%l) slots(%s) {q_heads = 2 : i64} "
          ": tensor<?x8x" +
          rows + ">, tensor<?x1x2xf32>, !qvl.cache<2, 1, 2, 64, " + element +
          ">, tensor<?xi64> -> tensor<?x2x2x" + rows + ">\n return %q, %d : tensor<?x2x2x" + rows +
          ">, !qvl.cache<2, 1, 2, 64, " + element + "> }")
      .str();
}

TEST_F(FusedOpsTest, RopeAppend) {
  context.loadDialect<QvlDialect>();
  Cache cache(CacheType::get(&context, 2, 1, 2, 64, Float32Type::get(&context)));
  Tensor x({2, 8}, {1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 5, 6, 7, 8});
  Tensor table({2, 1, 2}, {0, 1, 1, 0});
  auto results = run(ropeAppend(1, "f32", "f32"), {x, table, cache, Tensor({2}, {70, 3})});
  ASSERT_TRUE(succeeded(results)) << diagnostics;
  EXPECT_THAT(std::get<Tensor>((*results)[0]).values, ElementsAre(-2, 1, -4, 3, 1, 2, 3, 4));
  const Cache &filled = std::get<Cache>((*results)[1]);
  ASSERT_NE(filled.find(1, 70), nullptr);
  ASSERT_NE(filled.find(1, 3), nullptr);
  EXPECT_THAT(filled.find(1, 70)->key, ElementsAre(-6, 5));
  EXPECT_THAT(filled.find(1, 3)->key, ElementsAre(5, 6));
  EXPECT_THAT(filled.find(1, 3)->value, ElementsAre(7, 8));
  EXPECT_EQ(filled.find(0, 3), nullptr);
}

// A bf16 key is rounded before it is stored, whatever the cache holds: 1 + 2^-7 turned by cos =
// 1 - 2^-9 is no bf16.
TEST_F(FusedOpsTest, RopeAppendRoundsAsRotate) {
  context.loadDialect<QvlDialect>();
  Cache cache(CacheType::get(&context, 2, 1, 2, 64, Float32Type::get(&context)));
  Tensor x({1, 8}, {0, 0, 0, 0, 1 + 0x1p-7, 0, 0, 0}), table({1, 1, 2}, {1 - 0x1p-9, 0});
  auto results = run(ropeAppend(0, "bf16", "f32"), {x, table, cache, Tensor({1}, {0})});
  ASSERT_TRUE(succeeded(results)) << diagnostics;
  EXPECT_THAT(std::get<Cache>((*results)[1]).find(0, 0)->key, ElementsAre(1 + 0x1p-7, 0));
}

TEST_F(FusedOpsTest, RopeAppendRefuses) {
  context.loadDialect<QvlDialect>();
  Cache cache(CacheType::get(&context, 2, 1, 2, 64, Float32Type::get(&context)));
  Tensor x({2, 8}), table({2, 1, 2});
  std::string good = ropeAppend(1, "f32", "f32");
  EXPECT_THAT(error(ropeAppend(2, "f32", "f32"), {x, table, cache, Tensor({2}, {0, 1})}),
              HasSubstr("layer 2 is outside of"));
  EXPECT_THAT(error(good, {x, table, cache, Tensor({2}, {1, 1})}),
              HasSubstr("slot 1 is written twice"));
  EXPECT_THAT(error(good, {x, table, cache, Tensor({1}, {1})}),
              HasSubstr("slots has 1 rows instead of 2"));
  EXPECT_THAT(error(good, {x, Tensor({3, 1, 2}), cache, Tensor({2}, {0, 1})}),
              HasSubstr("table has 3 rows instead of 2"));
}

} // namespace
