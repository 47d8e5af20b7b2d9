// The generator against the spot values of appendix A of the model specification.

#include "Evaluation.h"

#include "qvl/Reference/GeneratedWeights.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Parser/Parser.h"

using namespace mlir;
using namespace mlir::qvl;
using namespace mlir::qvl::reference;
using ::testing::HasSubstr;

namespace {

TEST(GeneratedWeightsTest, Uniform) {
  EXPECT_THAT(generateTensor(0, {3}).values, near({-0.98175976, -0.50823450, 0.24366063}, 5e-9));
}

TEST(GeneratedWeightsTest, Numbers) {
  EXPECT_EQ(generatedNumber("visual.patch_embed.proj.weight"), 0u);
  EXPECT_EQ(generatedNumber("visual.merger.ln_q.weight"), 25u);
  EXPECT_EQ(generatedNumber("model.embed_tokens.weight"), 30u);
  EXPECT_EQ(generatedNumber("model.norm.weight"), 55u);
  EXPECT_EQ(generatedNumber("lm_head.weight"), 56u);
  EXPECT_EQ(generatedNumber("model.layers.2.mlp.up_proj.weight"), std::nullopt);
}

class GeneratedParameterTest : public Evaluation {
protected:
  static FailureOr<Tensor> generate(ParameterOp op) {
    return generateParameter(op, op.getSymName(), op.getTensorType());
  }

  /// The first three elements of the parameter declared by `text`.
  std::vector<double> spot(StringRef text) {
    context.loadDialect<QvlDialect>();
    ScopedDiagnosticHandler handler(
        &context, [&](Diagnostic &diagnostic) { diagnostics += diagnostic.str(); });
    auto module = parseSourceString<ModuleOp>(text, &context);
    FailureOr<Tensor> tensor = generate(*module->getOps<ParameterOp>().begin());
    if (failed(tensor))
      return {};
    tensor->values.resize(3);
    return tensor->values;
  }
};

TEST_F(GeneratedParameterTest, SpotValues) {
  EXPECT_THAT(spot("qvl.parameter @visual.patch_embed.proj.weight : tensor<32x24xf32>"),
              near({-0.1963520, -0.1016469, 0.0487321}, 5e-8));
  EXPECT_THAT(spot("qvl.parameter @visual.blocks.0.attn.qkv.weight : tensor<96x32xf32>"),
              near({-0.0431117, 0.0973329, 0.0172848}, 5e-8));
  EXPECT_THAT(spot("qvl.parameter @visual.blocks.0.norm1.weight : tensor<32xf32>"),
              near({1.0150135, 0.9036480, 0.9127066}, 5e-8));
  EXPECT_THAT(spot("qvl.parameter @model.embed_tokens.weight : tensor<64x32xf32>"),
              near({0.4568633, 0.4894123, -0.0054063}, 5e-8));
  EXPECT_THAT(spot("qvl.parameter @lm_head.weight : tensor<64x32xf32>"),
              near({0.1504614, 0.0736178, 0.0915361}, 5e-8));
}

TEST_F(GeneratedParameterTest, RefusesOtherNames) {
  EXPECT_TRUE(spot("qvl.parameter @model.layers.7.mlp.up_proj.weight : tensor<4x4xf32>").empty());
  EXPECT_THAT(diagnostics, HasSubstr("is no parameter of the miniature model"));
}

} // namespace
