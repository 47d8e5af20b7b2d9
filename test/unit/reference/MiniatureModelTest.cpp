// The traced model on the interpreter against the table of appendix A of the model specification.

#include "MiniatureModel.h"
#include "Evaluation.h"

#include "models/qwen2_5_vl/Model.h"
#include "qvl/Reference/GeneratedWeights.h"

#include <cmath>
#include <set>

using namespace mlir;
using namespace mlir::qvl;
using namespace mlir::qvl::reference;
using ::testing::ElementsAre;

namespace {

/// The appendix prints six digits of an f64 run, from which an f32 run differed by up to 1.4e-6.
constexpr double kTolerance = 2e-6;

/// Of sums over some hundred features, each of which an f32 run may have off by as much.
double sumTolerance(Precision precision) {
  return precision == Precision::F64 ? kTolerance : 100 * kTolerance;
}

class MiniatureModelTest : public ::testing::TestWithParam<Precision> {
protected:
  void SetUp() override {
    module =
        ::qvl::qwen2_5_vl::traceModel(context, miniatureConfig(), Float32Type::get(&context), {});
    ASSERT_TRUE(module);
    auto created = ModelRun::create(*module, Interpreter(GetParam(), generateParameter));
    ASSERT_TRUE(succeeded(created));
    run.emplace(std::move(*created));
  }

  /// Features of a picture or video.
  Tensor encode(const VisionOperands &operands) {
    FailureOr<Tensor> features = run->encode(operands);
    EXPECT_TRUE(succeeded(features));
    return succeeded(features) ? *features : Tensor({0, 32});
  }

  /// Features of the picture, then those of the video.
  Tensor allFeatures() {
    Tensor features = encode(miniatureImage()), video = encode(miniatureVideo());
    features.values.insert(features.values.end(), video.values.begin(), video.values.end());
    features.shape[0] += video.rows();
    return features;
  }

  MLIRContext context{MLIRContext::Threading::DISABLED};
  OwningOpRef<ModuleOp> module;
  std::optional<ModelRun> run;
};

/// The first `count` values of a row.
std::vector<double> head(const Tensor &tensor, int64_t row, int64_t count) {
  return {tensor.row(row), tensor.row(row) + count};
}

/// The sum and the sum of magnitudes.
std::pair<double, double> sums(const Tensor &tensor) {
  double sum = 0, magnitudes = 0;
  for (double value : tensor.values) {
    sum += value;
    magnitudes += std::abs(value);
  }
  return {sum, magnitudes};
}

TEST_P(MiniatureModelTest, ImageFeatures) {
  Tensor features = encode(miniatureImage());
  ASSERT_THAT(features.shape, ElementsAre(20, 32));
  EXPECT_THAT(head(features, 0, 5),
              near({-2.115109, -1.144606, -0.196500, 0.287260, 0.533154}, kTolerance));
  EXPECT_THAT(head(features, 4, 5),
              near({-0.137737, -0.242509, -0.694092, 0.419504, 0.570058}, kTolerance));
  EXPECT_THAT(head(features, 19, 5),
              near({-0.541827, 0.341828, -1.805295, 0.414584, -0.761946}, kTolerance));
  auto [sum, magnitudes] = sums(features);
  EXPECT_NEAR(sum, -90.513259, sumTolerance(GetParam()));
  EXPECT_NEAR(magnitudes, 569.098006, sumTolerance(GetParam()));
}

TEST_P(MiniatureModelTest, VideoFeatures) {
  Tensor features = encode(miniatureVideo());
  ASSERT_THAT(features.shape, ElementsAre(12, 32));
  EXPECT_THAT(head(features, 0, 5),
              near({-0.764260, -0.737785, -1.603006, -1.345001, 0.620993}, kTolerance));
  EXPECT_THAT(head(features, 6, 5),
              near({-1.727607, -1.465042, -2.421654, -0.733952, -0.015788}, kTolerance));
  EXPECT_THAT(head(features, 11, 5),
              near({-2.626954, -0.159718, -0.114851, -1.031884, -0.732243}, kTolerance));
  auto [sum, magnitudes] = sums(features);
  EXPECT_NEAR(sum, -65.632615, sumTolerance(GetParam()));
  EXPECT_NEAR(magnitudes, 368.799254, sumTolerance(GetParam()));
}

TEST_P(MiniatureModelTest, LogitsAndContinuation) {
  FailureOr<Tensor> logits = run->advance(miniaturePrompt(allFeatures(), {3, 23, 38, 42}));
  ASSERT_TRUE(succeeded(logits));
  ASSERT_THAT(logits->shape, ElementsAre(4, 64));
  EXPECT_THAT(head(*logits, 0, 4), near({0.261192, -0.541727, -0.220316, -0.115099}, kTolerance));
  EXPECT_THAT(head(*logits, 1, 4), near({-0.344457, 0.050496, -0.507386, -0.544194}, kTolerance));
  EXPECT_THAT(head(*logits, 2, 4), near({-0.363883, -0.015148, -1.182727, -0.735602}, kTolerance));
  EXPECT_THAT(head(*logits, 3, 6),
              near({-0.332553, 0.490265, -0.175275, -0.544146, 0.661566, -0.087330}, kTolerance));
  EXPECT_NEAR(logits->row(3)[58], 1.477612, kTolerance);

  FailureOr<Continuation> continuation = run->continueGreedily(
      Tensor({1, 64}, head(*logits, 3, 64)), {/*nextPosition=*/19, /*maxNewTokens=*/8, {}, 1});
  ASSERT_TRUE(succeeded(continuation));
  EXPECT_THAT(continuation->ids, ElementsAre(58, 24, 51, 15, 24, 51, 15, 24));
  EXPECT_EQ(run->length(), 43 + 7); // The last id was not run.
  EXPECT_FALSE(continuation->stopped);
}

// One token a call gives what one call gives: positions, slots and causality do not depend on it.
TEST_P(MiniatureModelTest, TokenByToken) {
  TokenRows prompt = miniaturePrompt(allFeatures(), {});
  Tensor last;
  for (int64_t t = 0; t < static_cast<int64_t>(prompt.ids.size()); ++t) {
    Tensor positions({3, 1}, {prompt.positions.row(0)[t], prompt.positions.row(1)[t],
                              prompt.positions.row(2)[t]});
    FailureOr<Tensor> logits =
        run->advance({{prompt.ids[t]}, positions, prompt.features, {prompt.featureRows[t]}, {0}});
    ASSERT_TRUE(succeeded(logits));
    last = *logits;
  }
  EXPECT_THAT(head(last, 0, 6),
              near({-0.332553, 0.490265, -0.175275, -0.544146, 0.661566, -0.087330}, kTolerance));
}

TEST_P(MiniatureModelTest, StopsAtAStopId) {
  FailureOr<Tensor> logits = run->advance(miniaturePrompt(allFeatures(), {42}));
  ASSERT_TRUE(succeeded(logits));
  FailureOr<Continuation> continuation = run->continueGreedily(*logits, {19, 8, {51}, 1});
  ASSERT_TRUE(succeeded(continuation));
  EXPECT_THAT(continuation->ids, ElementsAre(58, 24, 51));
  EXPECT_TRUE(continuation->stopped);
}

// A penalty this large leaves nothing of a positive logit, so no id of the sequence comes again.
TEST_P(MiniatureModelTest, PenalisesWhatWasSeen) {
  FailureOr<Tensor> logits = run->advance(miniaturePrompt(allFeatures(), {42}));
  ASSERT_TRUE(succeeded(logits));
  FailureOr<Continuation> continuation = run->continueGreedily(*logits, {19, 8, {}, 1e9});
  ASSERT_TRUE(succeeded(continuation));
  std::set<int64_t> distinct(continuation->ids.begin(), continuation->ids.end());
  EXPECT_EQ(distinct.size(), 8u);
  for (int64_t id : {1, 2, 3, 4, 5, 6, 7, 60, 61, 62, 63})
    EXPECT_EQ(distinct.count(id), 0u) << id;
}

TEST_P(MiniatureModelTest, GoesOnAfterOneRowOnly) {
  ScopedDiagnosticHandler handler(&context, [](Diagnostic &) {});
  EXPECT_TRUE(failed(run->continueGreedily(Tensor({2, 64}), {0, 1, {}, 1})));
  EXPECT_TRUE(failed(run->continueGreedily(Tensor({0, 64}), {0, 1, {}, 1})));
}

INSTANTIATE_TEST_SUITE_P(Precisions, MiniatureModelTest,
                         ::testing::Values(Precision::F64, Precision::F32), [](const auto &info) {
                           return info.param == Precision::F64 ? "f64" : "f32";
                         });

} // namespace
