// What the passes of phase fuse make of a model computes what the traced model does: features and
// logits of random models on many layouts, after each pass alone, after each beginning of the
// pipeline and after the whole of it.

#include "RandomModel.h"
#include "Requests.h"

#include "models/qwen2_5_vl/Model.h"
#include "qvl/Pipelines/Pipelines.h"

#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Transforms/Passes.h"
#include "llvm/ADT/StringExtras.h"
#include "gmock/gmock.h"

#include <algorithm>
#include <cmath>

namespace mlir::qvl::reference {
namespace {

/// Differences of f64 runs stem from orders of sums only.
constexpr double kTolerance = 1e-12;

/// The flags of the passes of phase fuse, in order.
std::vector<std::string> fusePasses() {
  OpPassManager pm(ModuleOp::getOperationName());
  ::qvl::buildFusePipeline(pm, {.foldStillFrames = true});
  std::vector<std::string> flags;
  for (Pass &pass : pm.getPasses())
    flags.push_back(pass.getArgument().str());
  return flags;
}

/// Pipelines of passes by their flags: each alone, then each beginning of phase fuse, whose last
/// one is the whole.
std::vector<std::string> pipelines() {
  std::vector<std::string> flags = fusePasses(), texts = flags;
  for (size_t count = 2; count <= flags.size(); ++count)
    texts.push_back(llvm::join(flags.begin(), flags.begin() + count, ","));
  return texts;
}

LogicalResult runPipeline(ModuleOp module, StringRef pipeline) {
  PassManager pm(module.getContext(), ModuleOp::getOperationName());
  return success(succeeded(parsePassPipeline(pipeline, pm)) && succeeded(pm.run(module)));
}

std::string textOf(ModuleOp module) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  module.print(stream);
  return text;
}

/// What a model says about one layout.
struct Answers {
  Tensor features;      ///< of its media
  Tensor stillFeatures; ///< of media whose frames are equal
  Tensor prefillLogits; ///< of the prompts of a ragged batch
  Tensor decodeLogits;  ///< one row a sequence
};

/// The largest difference of two tensors over the largest magnitude; infinite for NaN and for
/// different shapes.
double relativeDifference(const Tensor &actual, const Tensor &expected) {
  if (actual.shape != expected.shape)
    return INFINITY;
  double difference = 0, magnitude = 0;
  for (auto [x, y] : llvm::zip(actual.values, expected.values)) {
    if (!std::isfinite(x) || !std::isfinite(y))
      return INFINITY;
    difference = std::max(difference, std::abs(x - y));
    magnitude = std::max(magnitude, std::abs(y));
  }
  return difference == 0 ? 0 : difference / magnitude;
}

class FusionEquivalenceTest : public ::testing::TestWithParam<size_t> {
protected:
  FusionEquivalenceTest()
      : seed(1000 + static_cast<uint32_t>(GetParam())), layout(layouts()[GetParam()]),
        config(randomConfig(seed, layout.windowSize)) {
    DialectRegistry registry;
    ::qvl::registerDialects(registry);
    context.appendDialectRegistry(registry);
    context.loadAllAvailableDialects();
    traced = ::qvl::qwen2_5_vl::traceModel(context, config, Float32Type::get(&context), {});
  }

  static void SetUpTestSuite() {
    static bool once =
        (::qvl::registerPassesAndPipelines(), registerCanonicalizerPass(), registerCSEPass(), true);
    (void)once;
  }

  std::vector<RuntimeValue> call(ModuleOp module, StringRef name, const NamedArguments &named,
                                 Interpreter &interpreter) {
    auto function = module.lookupSymbol<func::FuncOp>(name);
    FailureOr<std::vector<RuntimeValue>> arguments = orderArguments(function, named);
    if (failed(arguments))
      return {};
    FailureOr<std::vector<RuntimeValue>> results = interpreter.run(function, *arguments);
    return succeeded(results) ? std::move(*results) : std::vector<RuntimeValue>();
  }

  /// Features of the layout by @vision.
  std::optional<Tensor> encode(ModuleOp module, Interpreter &interpreter) {
    auto results = call(module, "vision", visionArguments(layout, config, seed), interpreter);
    return results.size() == 1 ? std::optional(std::get<Tensor>(results[0])) : std::nullopt;
  }

  /// Features of the layout with equal frames, by @vision_still where there is one: it gets the
  /// columns of one frame.
  std::optional<Tensor> encodeStill(ModuleOp module, Interpreter &interpreter) {
    bool folded = module.lookupSymbol<func::FuncOp>("vision_still") != nullptr;
    NamedArguments arguments = visionArguments(layout, config, seed);
    auto &pixels = std::get<Tensor>(arguments.find("pixels")->second);
    Tensor frame = firstFrames(pixels, config.vision);
    pixels = folded ? std::move(frame) : repeatFrames(frame, config.vision);
    auto results = call(module, folded ? "vision_still" : "vision", arguments, interpreter);
    return results.size() == 1 ? std::optional(std::get<Tensor>(results[0])) : std::nullopt;
  }

  /// Features of the layout, then logits of a ragged batch over `features` (its own when null): the
  /// prompts, then one token more of each sequence.
  std::optional<Answers> answer(ModuleOp module, const Tensor *features = nullptr) {
    Interpreter interpreter(Precision::F64, randomParameters(seed));
    std::optional<Tensor> encoded = encode(module, interpreter);
    std::optional<Tensor> still = encodeStill(module, interpreter);
    if (!encoded || !still)
      return std::nullopt;
    Answers answers{std::move(*encoded), std::move(*still), {}, {}};
    auto type =
        CacheType::get(&context, config.text.layers, config.text.kvHeads, config.text.headDim,
                       ::qvl::qwen2_5_vl::TraceOptions().pageSize, Float32Type::get(&context));
    RaggedBatch batch(layout, config, type, seed);
    auto prefill =
        call(module, "language",
             batch.prefill(features ? *features : answers.features, Cache(type)), interpreter);
    if (prefill.size() != 2)
      return std::nullopt;
    auto decode = call(module, "language", batch.decode(std::get<Cache>(prefill[1])), interpreter);
    if (decode.size() != 2)
      return std::nullopt;
    answers.prefillLogits = std::get<Tensor>(std::move(prefill[0]));
    answers.decodeLogits = std::get<Tensor>(std::move(decode[0]));
    return answers;
  }

  uint32_t seed;
  const Layout &layout;
  ::qvl::ModelConfig config;
  MLIRContext context{MLIRContext::Threading::DISABLED};
  OwningOpRef<ModuleOp> traced;
};

TEST_P(FusionEquivalenceTest, EveryPipeline) {
  ASSERT_TRUE(traced);
  std::optional<Answers> expected = answer(*traced);
  ASSERT_TRUE(expected);
  for (const std::string &pipeline : pipelines()) {
    SCOPED_TRACE(pipeline);
    OwningOpRef<ModuleOp> fused = traced->clone();
    ASSERT_TRUE(succeeded(runPipeline(*fused, pipeline)));
    std::optional<Answers> actual = answer(*fused, &expected->features);
    ASSERT_TRUE(actual);
    EXPECT_LE(relativeDifference(actual->features, expected->features), kTolerance);
    EXPECT_LE(relativeDifference(actual->stillFeatures, expected->stillFeatures), kTolerance);
    EXPECT_LE(relativeDifference(actual->prefillLogits, expected->prefillLogits), kTolerance);
    EXPECT_LE(relativeDifference(actual->decodeLogits, expected->decodeLogits), kTolerance);
  }
}

INSTANTIATE_TEST_SUITE_P(Layouts, FusionEquivalenceTest,
                         ::testing::Range<size_t>(0, layouts().size()),
                         [](const auto &info) { return std::string(layouts()[info.param].name); });

using FusionPipelineTest = FusionEquivalenceTest;

/// Every pass of the project in the phase does something to a model where it stands in the
/// pipeline: none of the comparisons above is of a model with itself.
TEST_P(FusionPipelineTest, EveryPassRewrites) {
  ASSERT_TRUE(traced);
  for (const std::string &flag : fusePasses()) {
    std::string before = textOf(*traced);
    ASSERT_TRUE(succeeded(runPipeline(*traced, flag)));
    if (StringRef(flag).starts_with("qvl-"))
      EXPECT_NE(textOf(*traced), before) << flag;
  }
}

INSTANTIATE_TEST_SUITE_P(OneModel, FusionPipelineTest, ::testing::Values(0),
                         [](const auto &) { return std::string("FirstLayout"); });

TEST(RelativeDifference, SeesWhatDiffers) {
  Tensor one({2}, {1, 100}), shifted({2}, {1, 101}), other({1, 2}, {1, 100});
  EXPECT_EQ(relativeDifference(one, one), 0);
  EXPECT_EQ(relativeDifference(shifted, one), 0.01);
  EXPECT_EQ(relativeDifference(other, one), INFINITY);
  EXPECT_EQ(relativeDifference(Tensor({2}, {NAN, 100}), one), INFINITY);
}

} // namespace
} // namespace mlir::qvl::reference
