// Defaults of decoding (the model specification, section 8.1).

#include "qvl/Import/GenerationConfig.h"

#include "CheckpointFiles.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace {

using namespace qvl;
using namespace qvl::test;
using testing::ElementsAre;
using testing::HasSubstr;

class GenerationFile : public testing::Test {
protected:
  GenerationFile() {
    model.text.vocabSize = 100;
    model.ids.eos = {7};
  }
  GenerationConfig read(std::string_view contents) {
    directory.write("generation_config.json", contents);
    return llvm::cantFail(readGenerationConfig(directory.path(), model));
  }
  std::string errorOf(std::string_view contents) {
    directory.write("generation_config.json", contents);
    return messageOf(readGenerationConfig(directory.path(), model));
  }

  TemporaryDirectory directory;
  ModelConfig model;
};

TEST_F(GenerationFile, ReadsEveryField) {
  const GenerationConfig config = read(
      R"({"do_sample": true, "temperature": 1e-06, "top_k": 1, "top_p": 0.001, "min_p": 0.1,
          "repetition_penalty": 1.05, "eos_token_id": [5, 3], "pad_token_id": 3})");
  EXPECT_TRUE(config.doSample);
  EXPECT_EQ(config.temperature, 1e-6);
  EXPECT_EQ(config.topK, 1);
  EXPECT_EQ(config.topP, 0.001);
  EXPECT_EQ(config.minP, 0.1);
  EXPECT_EQ(config.repetitionPenalty, 1.05);
  EXPECT_THAT(config.eosIds, ElementsAre(5, 3));
  EXPECT_EQ(config.padId, 3);
}

TEST_F(GenerationFile, LibraryDefaults) {
  for (const GenerationConfig &config :
       {llvm::cantFail(readGenerationConfig(directory.path(), model)), read("{}"),
        read(R"({"top_k": null, "min_p": null})")}) {
    EXPECT_FALSE(config.doSample);
    EXPECT_EQ(config.temperature, 1);
    EXPECT_EQ(config.topK, 50);
    EXPECT_EQ(config.topP, 1);
    EXPECT_EQ(config.minP, 0);
    EXPECT_EQ(config.repetitionPenalty, 1);
    EXPECT_THAT(config.eosIds, ElementsAre(7));
    EXPECT_EQ(config.padId, -1);
  }
}

TEST_F(GenerationFile, Errors) {
  EXPECT_THAT(errorOf(R"({"temperature": -1})"),
              HasSubstr("generation_config.json: temperature: must lie in [0, 1e6]"));
  EXPECT_THAT(errorOf(R"({"top_p": 0})"), HasSubstr("top_p"));
  EXPECT_THAT(errorOf(R"({"top_p": 1.5})"), HasSubstr("top_p"));
  EXPECT_THAT(errorOf(R"({"min_p": 2})"), HasSubstr("min_p"));
  EXPECT_THAT(errorOf(R"({"top_k": -1})"), HasSubstr("top_k: -1"));
  EXPECT_THAT(errorOf(R"({"repetition_penalty": 0})"), HasSubstr("repetition_penalty"));
  EXPECT_THAT(errorOf(R"({"eos_token_id": [100]})"), HasSubstr("eos_token_id: 100"));
  EXPECT_THAT(errorOf(R"({"do_sample": 1})"), HasSubstr("do_sample: neither true nor false"));
  model.ids.eos.clear();
  EXPECT_THAT(errorOf("{}"), HasSubstr("eos_token_id: missing, here and in config.json"));
}

} // namespace
