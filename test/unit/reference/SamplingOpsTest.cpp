// Ops that choose token ids.

#include "Evaluation.h"
#include "qvlfmt/Sampling.h"

#include <cmath>

using namespace mlir;
using namespace mlir::qvl;
using namespace mlir::qvl::reference;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

class SamplingOpsTest : public Evaluation {
protected:
  struct Settings {
    double temperature = 1, topK = 0, droppedShare = 0, minP = 0, penalty = 1;
  };
  static constexpr StringLiteral kSample = R"(
    func.func @f(%l: tensor<?x4xf32>, %s: tensor<?x1xi32>, %p: tensor<?x5xf32>, %d: tensor<?xi64>) -> tensor<?xi32> {
      %v, %i = qvl.argmax %l seen(%s) settings(%p) {columns = 32 : i64}
          : tensor<?x4xf32>, tensor<?x1xi32>, tensor<?x5xf32> -> tensor<?x1xf32>, tensor<?x1xi32>
      %r = qvl.sample %l seen(%s) settings(%p) draws(%d) best(%v, %i)
          : tensor<?x4xf32>, tensor<?x1xi32>, tensor<?x5xf32>, tensor<?xi64>, tensor<?x1xf32>, tensor<?x1xi32> -> tensor<?xi32>
      return %r : tensor<?xi32>
    })";

  /// The ids for the uniform numbers 0, 1/8, ... 7/8.
  std::vector<double> ids(std::vector<double> logits, const Settings &settings, double seen = 0) {
    Tensor rows({8, 4}), bits({8, 1}), parameters({8, 5}), draws({8});
    for (int r = 0; r < 8; ++r) {
      llvm::copy(logits, rows.row(r));
      bits.values[r] = seen;
      const double columns[] = {settings.temperature, settings.topK, settings.droppedShare,
                                settings.minP, settings.penalty};
      std::copy_n(columns, 5, parameters.row(r));
      draws.values[r] = std::ldexp(r / 8.0, ::qvlfmt::kDrawBits);
    }
    return tensor(kSample, {rows, bits, parameters, draws}).values;
  }
};

// Probabilities 1/4 each.
const std::vector<double> kEqual = {2, 2, 2, 2};
// 1/8, 1/8, 1/4, 1/2
const std::vector<double> kHalves = {0, 0, std::log(2), std::log(4)};

TEST_F(SamplingOpsTest, DrawsInTheOrderOfIds) {
  EXPECT_THAT(ids(kEqual, {}), ElementsAre(0, 0, 1, 1, 2, 2, 3, 3));
  EXPECT_THAT(ids({-kInfinity, 2, -kInfinity, 2}, {}), ElementsAre(1, 1, 1, 1, 3, 3, 3, 3));
}

TEST_F(SamplingOpsTest, ATemperatureOfZeroIsGreedy) {
  EXPECT_THAT(ids({1, 3, 3, 2}, {.temperature = 0}), testing::Each(1));
  EXPECT_THAT(ids({-kInfinity, -kInfinity, -kInfinity, -kInfinity}, {}), testing::Each(0));
  EXPECT_THAT(ids({1, std::nan(""), 3, 2}, {}), testing::Each(-1));
}

TEST_F(SamplingOpsTest, TopKKeepsTies) {
  EXPECT_THAT(ids({2, 1, 2, 0}, {.topK = 1}), ElementsAre(0, 0, 0, 0, 2, 2, 2, 2));
  EXPECT_THAT(ids(kEqual, {.topK = 4}), ElementsAre(0, 0, 1, 1, 2, 2, 3, 3));
}

TEST_F(SamplingOpsTest, TopPDropsTheLowerIdOfATieFirst) {
  EXPECT_THAT(ids(kEqual, {.droppedShare = 0.5}), ElementsAre(2, 2, 2, 2, 3, 3, 3, 3));
  EXPECT_THAT(ids(kEqual, {.droppedShare = 1}), testing::Each(3)) << "the last one stays";
  EXPECT_THAT(ids(kHalves, {.droppedShare = 0.3}), ElementsAre(2, 2, 2, 3, 3, 3, 3, 3));
}

TEST_F(SamplingOpsTest, MinPIsRelativeToTheMostLikely) {
  EXPECT_THAT(ids(kHalves, {.minP = 0.4}), ElementsAre(2, 2, 2, 3, 3, 3, 3, 3));
  EXPECT_THAT(ids(kEqual, {.minP = 1}), ElementsAre(0, 0, 1, 1, 2, 2, 3, 3));
}

TEST_F(SamplingOpsTest, PenaltyOfSeenIds) {
  // 4 / 2 and -1 · 2, for ids 0 and 3; the top bits of the word say nothing.
  EXPECT_THAT(ids({4, 3, 2.5, -1}, {.temperature = 0, .penalty = 2}, 0b1001), testing::Each(1));
  EXPECT_THAT(ids({-4, -1.5, -2, -1}, {.temperature = 0, .penalty = 2}, -8), testing::Each(1));
}

TEST_F(SamplingOpsTest, RowsMustAgree) {
  EXPECT_THAT(error(kSample, {Tensor({2, 4}), Tensor({1, 1}), Tensor({2, 5}), Tensor({2})}),
              HasSubstr("operand 1 has 1 rows instead of 2"));
}

TEST_F(SamplingOpsTest, ArgmaxOfBlocks) {
  constexpr StringLiteral text = R"(
    func.func @f(%l: tensor<?x33xf32>, %s: tensor<?x2xi32>, %p: tensor<?x5xf32>) -> (tensor<?x2xi32>) {
      %v, %i = qvl.argmax %l seen(%s) settings(%p) {columns = 32 : i64}
          : tensor<?x33xf32>, tensor<?x2xi32>, tensor<?x5xf32> -> tensor<?x2xf32>, tensor<?x2xi32>
      return %i : tensor<?x2xi32>
    })";
  Tensor logits({1, 33}), settings({1, 5}, {0, 0, 0, 0, 1});
  logits.values[7] = logits.values[9] = 1;
  EXPECT_THAT(tensor(text, {logits, Tensor({1, 2}), settings}).values, ElementsAre(7, 32));
}

} // namespace
