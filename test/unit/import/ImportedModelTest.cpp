// Whole checkpoint directories.

#include "qvl/Import/ImportedModel.h"

#include "CheckpointFiles.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include <filesystem>

namespace {

using namespace qvl;
using namespace qvl::test;
using testing::ElementsAre;
using testing::HasSubstr;
namespace fs = std::filesystem;

ImportedModel import(const std::string &directory) {
  std::vector<std::string> warnings;
  ImportedModel model = llvm::cantFail(importModel(directory, warnings));
  EXPECT_THAT(warnings, ElementsAre());
  return model;
}

TEST(ImportedModel, ShapesVl) {
  const ImportedModel model = import(treePath("models/shapes-vl/"));
  EXPECT_EQ(model.name, "shapes-vl");
  EXPECT_EQ(model.chatTemplate, "qwen2_5_vl");
  EXPECT_EQ(model.config.text.layers, 5);
  EXPECT_EQ(model.config.text.headDim, 32);
  EXPECT_EQ(model.config.vision.headDim, 32);
  EXPECT_EQ(model.processor.maxPixels, 12845056);
  EXPECT_THAT(model.generation.eosIds, ElementsAre(647, 645));
  EXPECT_EQ(model.generation.padId, 645);
  EXPECT_EQ(messageOf(model.checkpoint.checkDataPresent()), "");
}

TEST(ImportedModel, MiniaturesShardedAndSingle) {
  const ImportedModel sharded = import(treePath("test/e2e/goldens/checkpoints/mini_bf16"));
  EXPECT_EQ(sharded.name, "mini_bf16");
  EXPECT_EQ(sharded.checkpoint.find("visual.patch_embed.proj.weight")->dtype, DType::BF16);
  EXPECT_EQ(messageOf(sharded.checkpoint.checkDataPresent()), "");
  const ImportedModel single = import(treePath("test/e2e/goldens/checkpoints/mini_f32"));
  EXPECT_TRUE(single.config.text.tieWordEmbeddings);
  EXPECT_EQ(single.checkpoint.find("model.norm.weight")->dtype, DType::F32);
}

/// A changed copy of the embedded checkpoint.
class ChangedCheckpoint : public testing::Test {
protected:
  ChangedCheckpoint() {
    for (const auto &entry : fs::directory_iterator(treePath("models/shapes-vl")))
      fs::copy(entry, directory.path(entry.path().filename().string()));
  }
  void replace(const char *name, const std::string &from, const std::string &to) {
    std::string text = readFile(directory.path(name));
    ASSERT_NE(text.find(from), std::string::npos);
    directory.write(name, text.replace(text.find(from), from.size(), to));
  }
  std::string error() { return messageOf(importModel(directory.path(), warnings)); }

  TemporaryDirectory directory;
  std::vector<std::string> warnings;
};

TEST_F(ChangedCheckpoint, HeaderAloneSuffices) {
  const std::string weights = readFile(directory.path("model.safetensors"));
  const size_t header = 8 + static_cast<uint8_t>(weights[0]) +
                        (size_t{static_cast<uint8_t>(weights[1])} << 8) +
                        (size_t{static_cast<uint8_t>(weights[2])} << 16);
  directory.write("model.safetensors", weights.substr(0, header));
  EXPECT_EQ(error(), "");
  directory.write("model.safetensors", weights.substr(0, header - 1));
  EXPECT_THAT(error(), HasSubstr("model.safetensors: truncated inside"));
}

TEST_F(ChangedCheckpoint, ConfigDisagreesWithTensors) {
  replace("config.json", "\"intermediate_size\": 320", "\"intermediate_size\": 321");
  EXPECT_THAT(error(), HasSubstr("15 wrongly shaped: model.layers.0.mlp.gate_proj.weight is "
                                 "[320, 192] instead of [321, 192]"));
  EXPECT_THAT(error(), HasSubstr("model.layers.4.mlp.down_proj.weight is "));
}

TEST_F(ChangedCheckpoint, VocabularySmallerThanTokens) {
  replace("config.json", "\"vocab_size\": 672", "\"vocab_size\": 660");
  EXPECT_THAT(error(), HasSubstr("model.embed_tokens.weight is [672, 192] instead of [660, 192]"));
}

TEST_F(ChangedCheckpoint, IdsComeFromTheTokenizer) {
  replace("config.json", "\"image_token_id\": 657,", "");
  const ImportedModel model = import(directory.path());
  EXPECT_EQ(model.config.ids.image, 657);
}

TEST_F(ChangedCheckpoint, IdsDisagree) {
  replace("config.json", "\"image_token_id\": 657", "\"image_token_id\": 658");
  EXPECT_THAT(error(), HasSubstr("<|image_pad|> has id 657, config.json says 658"));
}

TEST_F(ChangedCheckpoint, TokenizerWithoutMarkers) {
  replace("tokenizer.json", "<|vision_end|>", "<|vision_stop|>");
  EXPECT_THAT(error(), HasSubstr("no added token <|vision_end|>"));
}

TEST(ImportedModelErrors, NoDirectory) {
  std::vector<std::string> warnings;
  EXPECT_THAT(messageOf(importModel("/nonexistent/model", warnings)),
              HasSubstr("/nonexistent/model: no such directory"));
}

} // namespace
