// The layouts and rules of the model specification, section 1.4.

#include "qvl/Import/ModelConfig.h"

#include "CheckpointFiles.h"
#include "llvm/Support/JSON.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace {

using namespace qvl;
using namespace qvl::test;
using testing::ElementsAre;
using testing::HasSubstr;
namespace json = llvm::json;

/// The original layout of the 3B file.
json::Object flatConfig() {
  llvm::Expected<json::Value> value = json::parse(R"({
    "architectures": ["Qwen2_5_VLForConditionalGeneration"], "attention_dropout": 0.0,
    "bos_token_id": 151643, "eos_token_id": 151645, "vision_start_token_id": 151652,
    "vision_end_token_id": 151653, "vision_token_id": 151654, "image_token_id": 151655,
    "video_token_id": 151656, "hidden_act": "silu", "hidden_size": 2048,
    "initializer_range": 0.02, "intermediate_size": 11008, "max_position_embeddings": 128000,
    "max_window_layers": 70, "model_type": "qwen2_5_vl", "num_attention_heads": 16,
    "num_hidden_layers": 36, "num_key_value_heads": 2, "rms_norm_eps": 1e-06,
    "rope_theta": 1000000.0, "sliding_window": 32768, "tie_word_embeddings": true,
    "torch_dtype": "bfloat16", "use_cache": true, "use_sliding_window": false,
    "vision_config": {"depth": 32, "hidden_act": "silu", "hidden_size": 1280,
      "intermediate_size": 3420, "num_heads": 16, "in_chans": 3, "out_hidden_size": 2048,
      "patch_size": 14, "spatial_merge_size": 2, "spatial_patch_size": 14, "window_size": 112,
      "fullatt_block_indexes": [7, 15, 23, 31], "tokens_per_second": 2,
      "temporal_patch_size": 2, "model_type": "qwen2_5_vl"},
    "rope_scaling": {"type": "mrope", "mrope_section": [16, 24, 24]}, "vocab_size": 151936})");
  return std::move(*llvm::cantFail(std::move(value)).getAsObject());
}

std::string textOf(json::Object object) {
  std::string text;
  llvm::raw_string_ostream(text) << json::Value(std::move(object));
  return text;
}

llvm::Expected<ModelConfig> parse(json::Object object) {
  return parseModelConfig(textOf(std::move(object)), "config.json");
}

ModelConfig parsed(json::Object object) { return llvm::cantFail(parse(std::move(object))); }

json::Object &vision(json::Object &root) { return *root.getObject("vision_config"); }

/// Moves the text fields into `text_config`, as 5.x does.
json::Object nestedConfig() {
  json::Object root = flatConfig(), text;
  for (llvm::StringRef key :
       {"hidden_act", "hidden_size", "intermediate_size", "max_position_embeddings",
        "num_attention_heads", "num_hidden_layers", "num_key_value_heads", "rms_norm_eps",
        "vocab_size", "use_sliding_window", "tie_word_embeddings", "bos_token_id",
        "eos_token_id"}) {
    text[key] = std::move(root[key]);
    root.erase(key);
  }
  root.erase("rope_scaling");
  root.erase("rope_theta");
  text["rope_parameters"] = json::Object{{"rope_theta", 1000000.0},
                                         {"rope_type", "default"},
                                         {"type", "mrope"},
                                         {"mrope_section", json::Array{16, 24, 24}}};
  text["sliding_window"] = nullptr;
  text["layer_types"] = json::Array{"full_attention"};
  text["dtype"] = "bfloat16";
  text["image_token_id"] = nullptr;
  root["text_config"] = std::move(text);
  return root;
}

void expect3B(const ModelConfig &config) {
  EXPECT_EQ(config.text.hiddenSize, 2048);
  EXPECT_EQ(config.text.layers, 36);
  EXPECT_EQ(config.text.heads, 16);
  EXPECT_EQ(config.text.kvHeads, 2);
  EXPECT_EQ(config.text.headDim, 128);
  EXPECT_EQ(config.text.intermediateSize, 11008);
  EXPECT_EQ(config.text.vocabSize, 151936);
  EXPECT_EQ(config.text.rmsNormEps, 1e-6);
  EXPECT_EQ(config.text.ropeTheta, 1e6);
  EXPECT_THAT(config.text.mropeSection, ElementsAre(16, 24, 24));
  EXPECT_EQ(config.text.maxPositionEmbeddings, 128000);
  EXPECT_TRUE(config.text.tieWordEmbeddings);
  EXPECT_EQ(config.vision.depth, 32);
  EXPECT_EQ(config.vision.hiddenSize, 1280);
  EXPECT_EQ(config.vision.headDim, 80);
  EXPECT_EQ(config.vision.intermediateSize, 3420);
  EXPECT_EQ(config.vision.outHiddenSize, 2048);
  EXPECT_EQ(config.vision.windowTokens(), 4);
  EXPECT_EQ(config.vision.windowRows(), 64);
  EXPECT_EQ(config.vision.patchRow(), 1176);
  EXPECT_EQ(config.vision.mergedSize(), 5120);
  EXPECT_EQ(config.vision.tokensPerSecond, 2);
  EXPECT_EQ(config.vision.ropeTheta, 10000);
  EXPECT_EQ(config.vision.normEps, 1e-6);
  EXPECT_THAT(config.vision.fullAttentionBlocks, ElementsAre(7, 15, 23, 31));
  EXPECT_EQ(config.ids.visionStart, 151652);
  EXPECT_EQ(config.ids.visionEnd, 151653);
  EXPECT_EQ(config.ids.image, 151655);
  EXPECT_EQ(config.ids.video, 151656);
  EXPECT_EQ(config.ids.bos, 151643);
  EXPECT_THAT(config.ids.eos, ElementsAre(151645));
}

TEST(ModelConfigLayout, Flat) { expect3B(parsed(flatConfig())); }

TEST(ModelConfigLayout, NestedWithRopeParameters) { expect3B(parsed(nestedConfig())); }

TEST(ModelConfigLayout, FlatAndNestedTogether) {
  json::Object root = flatConfig();
  root["text_config"] = std::move(nestedConfig()["text_config"]);
  root["hidden_size"] = 64; // text_config wins
  expect3B(parsed(std::move(root)));
}

TEST(ModelConfigLayout, NullCountsAsAbsent) {
  json::Object root = flatConfig();
  root["text_config"] = json::Object{{"hidden_size", nullptr}, {"rope_scaling", nullptr}};
  expect3B(parsed(std::move(root)));
}

TEST(ModelConfigLayout, RopeTypeBesideType) {
  json::Object root = flatConfig();
  root["rope_scaling"] = json::Object{
      {"type", "default"}, {"rope_type", "default"}, {"mrope_section", json::Array{16, 24, 24}}};
  expect3B(parsed(std::move(root)));
}

TEST(ModelConfigLayout, ThetaInsideRopeScaling) {
  json::Object root = flatConfig();
  root.erase("rope_theta");
  (*root.getObject("rope_scaling"))["rope_theta"] = 1000000.0;
  expect3B(parsed(std::move(root)));
}

TEST(ModelConfigLayout, VisionRopeParameters) {
  json::Object root = flatConfig();
  vision(root)["rope_parameters"] = json::Object{{"rope_theta", 10000.0}, {"rope_type", "axial"}};
  expect3B(parsed(std::move(root)));
}

TEST(ModelConfigLayout, BothSpellingsOfChannels) {
  json::Object root = flatConfig();
  vision(root)["in_channels"] = 3;
  expect3B(parsed(root));
  vision(root).erase("in_chans");
  expect3B(parsed(std::move(root)));
}

TEST(ModelConfigLayout, DroppedVisionKeysTakeTheClassDefaults) {
  json::Object root = flatConfig();
  root["vision_config"] = json::Object{{"out_hidden_size", 2048}};
  const VisionConfig config = parsed(std::move(root)).vision;
  EXPECT_EQ(config.depth, 32);
  EXPECT_EQ(config.hiddenSize, 3584);
  EXPECT_EQ(config.headDim, 224);
  EXPECT_EQ(config.intermediateSize, 3420);
  EXPECT_EQ(config.heads, 16);
  EXPECT_EQ(config.inChannels, 3);
  EXPECT_EQ(config.patchSize, 14);
  EXPECT_EQ(config.spatialMergeSize, 2);
  EXPECT_EQ(config.temporalPatchSize, 2);
  EXPECT_EQ(config.tokensPerSecond, 4);
  EXPECT_EQ(config.windowSize, 112);
  EXPECT_THAT(config.fullAttentionBlocks, ElementsAre(7, 15, 23, 31));
}

TEST(ModelConfigLayout, FullAttentionBlocksBehindTheLastAreInert) {
  json::Object root = flatConfig();
  vision(root)["depth"] = 16;
  EXPECT_THAT(parsed(std::move(root)).vision.fullAttentionBlocks, ElementsAre(7, 15));
}

TEST(ModelConfigLayout, TiedInEitherPlace) {
  json::Object root = nestedConfig();
  EXPECT_TRUE(parsed(root).text.tieWordEmbeddings);
  root["tie_word_embeddings"] = false;
  EXPECT_TRUE(parsed(root).text.tieWordEmbeddings);
  (*root.getObject("text_config"))["tie_word_embeddings"] = false;
  EXPECT_FALSE(parsed(root).text.tieWordEmbeddings);
  root["tie_word_embeddings"] = true;
  EXPECT_TRUE(parsed(std::move(root)).text.tieWordEmbeddings);
}

TEST(ModelConfigLayout, SeveralEndIds) {
  json::Object root = flatConfig();
  root["eos_token_id"] = json::Array{151645, 151643};
  EXPECT_THAT(parsed(std::move(root)).ids.eos, ElementsAre(151645, 151643));
}

TEST(ModelConfigLayout, MissingIdsAreLeftToTheTokenizer) {
  json::Object root = flatConfig();
  root.erase("image_token_id");
  EXPECT_EQ(parsed(std::move(root)).ids.image, -1);
}

TEST(ModelConfigLayout, CheckpointsOfTheTree) {
  for (const char *name : {"models/shapes-vl", "test/e2e/goldens/checkpoints/mini_bf16",
                           "test/e2e/goldens/checkpoints/mini_f32"})
    EXPECT_EQ(messageOf(readModelConfig(treePath(name))), "") << name;
}

//===----------------------------------------------------------------------===//
// Errors
//===----------------------------------------------------------------------===//

/// A change of a valid file and what the error must say.
struct Defect {
  const char *name;
  void (*spoil)(json::Object &root);
  const char *message;
};

class ModelConfigError : public testing::TestWithParam<Defect> {};

TEST_P(ModelConfigError, IsNamed) {
  json::Object root = flatConfig();
  GetParam().spoil(root);
  const std::string message = messageOf(parse(std::move(root)));
  EXPECT_THAT(message, HasSubstr("config.json: "));
  EXPECT_THAT(message, HasSubstr(GetParam().message));
  EXPECT_THAT(message, testing::Not(HasSubstr("\n")));
}

const Defect kDefects[] = {
    {"ModelType", [](json::Object &r) { r["model_type"] = "qwen2_vl"; }, "'qwen2_vl'"},
    {"MissingTextKey", [](json::Object &r) { r.erase("rms_norm_eps"); }, "rms_norm_eps: missing"},
    {"MissingRope", [](json::Object &r) { r.erase("rope_scaling"); }, "rope_scaling: missing"},
    {"MissingTheta", [](json::Object &r) { r.erase("rope_theta"); }, "rope_theta: missing"},
    {"Yarn", [](json::Object &r) { (*r.getObject("rope_scaling"))["type"] = "yarn"; }, "'yarn'"},
    {"RopeTypeWins",
     [](json::Object &r) { (*r.getObject("rope_scaling"))["rope_type"] = "linear"; }, "'linear'"},
    {"Sections",
     [](json::Object &r) {
       (*r.getObject("rope_scaling"))["mrope_section"] = json::Array{16, 24, 23};
     },
     "mrope_section: sums to 63"},
    {"EmptySection",
     [](json::Object &r) {
       (*r.getObject("rope_scaling"))["mrope_section"] = json::Array{0, 32, 32};
     },
     "mrope_section: 0"},
    {"TwoSections",
     [](json::Object &r) { (*r.getObject("rope_scaling"))["mrope_section"] = json::Array{32, 32}; },
     "needs three entries"},
    {"SlidingWindow", [](json::Object &r) { r["use_sliding_window"] = true; },
     "use_sliding_window"},
    {"Activation", [](json::Object &r) { r["hidden_act"] = "gelu"; }, "'gelu'"},
    {"VisionActivation", [](json::Object &r) { vision(r)["hidden_act"] = "quick_gelu"; },
     "vision_config.hidden_act: 'quick_gelu'"},
    {"Quantized", [](json::Object &r) { r["quantization_config"] = json::Object{}; },
     "quantization_config"},
    {"NegativeSize", [](json::Object &r) { r["hidden_size"] = -2048; }, "hidden_size: -2048"},
    {"ZeroHeads", [](json::Object &r) { r["num_attention_heads"] = 0; }, "num_attention_heads: 0"},
    {"HugeSize", [](json::Object &r) { r["intermediate_size"] = int64_t{1} << 62; },
     "intermediate_size"},
    {"NotAnInteger", [](json::Object &r) { r["vocab_size"] = "many"; }, "vocab_size: \"many\""},
    {"Fraction", [](json::Object &r) { r["num_hidden_layers"] = 35.5; }, "num_hidden_layers: 35.5"},
    {"Indivisible", [](json::Object &r) { r["num_attention_heads"] = 15; },
     "num_attention_heads: 15 does not divide"},
    {"Groups", [](json::Object &r) { r["num_key_value_heads"] = 3; },
     "num_key_value_heads: 3 does not divide"},
    {"HeadDim", [](json::Object &r) { r["head_dim"] = 64; }, "head_dim: differs"},
    {"Eps", [](json::Object &r) { r["rms_norm_eps"] = 0; }, "rms_norm_eps: must"},
    {"VisionHeads", [](json::Object &r) { vision(r)["num_heads"] = 7; },
     "vision_config.num_heads: 7 does not divide"},
    {"VisionHeadDim", [](json::Object &r) { vision(r)["num_heads"] = 128; }, "not a multiple of 4"},
    {"Channels", [](json::Object &r) { vision(r)["in_channels"] = 1; }, "only 3 (RGB)"},
    {"Window", [](json::Object &r) { vision(r)["window_size"] = 27; }, "no whole language token"},
    {"OutSize", [](json::Object &r) { vision(r)["out_hidden_size"] = 3584; },
     "out_hidden_size: 3584 differs"},
    {"NegativeBlock", [](json::Object &r) { vision(r)["fullatt_block_indexes"] = json::Array{-1}; },
     "fullatt_block_indexes: -1"},
    {"ZeroPatch", [](json::Object &r) { vision(r)["patch_size"] = 0; }, "patch_size: 0"},
    {"IdOutsideVocabulary", [](json::Object &r) { r["image_token_id"] = 151936; },
     "image_token_id: 151936"},
    {"VisionConfigType", [](json::Object &r) { r["vision_config"] = json::Array{}; },
     "vision_config: not an object"},
};

INSTANTIATE_TEST_SUITE_P(All, ModelConfigError, testing::ValuesIn(kDefects),
                         [](const auto &info) { return std::string(info.param.name); });

TEST(ModelConfigErrors, Malformed) {
  EXPECT_THAT(messageOf(parseModelConfig("{", "c")), HasSubstr("c: no valid JSON"));
  EXPECT_THAT(messageOf(parseModelConfig("[]", "c")), HasSubstr("not a JSON object"));
  EXPECT_THAT(messageOf(parseModelConfig(R"({"a":1,"a":2})", "c")), HasSubstr("'a' occurs twice"));
  const std::string deep = R"({"a":)" + std::string(1000000, '[');
  EXPECT_THAT(messageOf(parseModelConfig(deep, "c")), HasSubstr("nested"));
  EXPECT_THAT(messageOf(parseModelConfig("{\"a\": \"\\", "c")), HasSubstr("no valid JSON"));
}

TEST(ModelConfigErrors, MissingFile) {
  TemporaryDirectory directory;
  EXPECT_THAT(messageOf(readModelConfig(directory.path())), HasSubstr("config.json: No such file"));
  directory.write("config.json", std::string(17 << 20, ' '));
  EXPECT_THAT(messageOf(readModelConfig(directory.path())), HasSubstr("the limit is"));
}

} // namespace
