// Safetensors headers, shards and the strict comparison (the model specification, sections 1.5, 2).

#include "qvl/Import/Checkpoint.h"

#include "CheckpointFiles.h"
#include "qvl/Import/Failure.h"
#include "qvl/Import/SafetensorsHeader.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include <filesystem>
#include <sys/stat.h>

namespace {

using namespace qvl;
using namespace qvl::test;
using testing::HasSubstr;

//===----------------------------------------------------------------------===//
// Released sizes
//===----------------------------------------------------------------------===//

struct ReleasedSize {
  const char *name;
  int64_t hidden, layers, heads, kvHeads, intermediate, vocabulary, visionIntermediate;
  bool tied;
  int64_t textParameters, visionParameters, tensors;
};

const ReleasedSize kReleasedSizes[] = {
    {"3B", 2048, 36, 16, 2, 11008, 151936, 3420, true, 3085938688, 668684288, 824},
    {"7B", 3584, 28, 28, 4, 18944, 152064, 3420, false, 7615616512, 676550144, 729},
    {"32B", 5120, 64, 40, 8, 27648, 152064, 3456, false, 32763876352, 688841984, 1161},
    {"72B", 8192, 80, 64, 8, 29568, 152064, 3456, false, 72706203648, 704573696, 1353},
};

ModelConfig releasedConfig(const ReleasedSize &size) {
  ModelConfig config;
  config.text.hiddenSize = size.hidden;
  config.text.layers = size.layers;
  config.text.heads = size.heads;
  config.text.kvHeads = size.kvHeads;
  config.text.headDim = 128;
  config.text.intermediateSize = size.intermediate;
  config.text.vocabSize = size.vocabulary;
  config.text.tieWordEmbeddings = size.tied;
  config.vision.hiddenSize = 1280;
  config.vision.headDim = 80;
  config.vision.intermediateSize = size.visionIntermediate;
  config.vision.outHiddenSize = size.hidden;
  return config;
}

class ExpectedTensorsOf : public testing::TestWithParam<ReleasedSize> {};

TEST_P(ExpectedTensorsOf, ReleasedSize) {
  int64_t text = 0, vision = 0;
  const std::vector<ExpectedTensor> tensors = expectedTensors(releasedConfig(GetParam()));
  for (const ExpectedTensor &tensor : tensors) {
    int64_t count = 1;
    for (int64_t size : tensor.shape)
      count *= size;
    (llvm::StringRef(tensor.name).starts_with("visual.") ? vision : text) += count;
  }
  EXPECT_EQ(text, GetParam().textParameters);
  EXPECT_EQ(vision, GetParam().visionParameters);
  EXPECT_EQ(static_cast<int64_t>(tensors.size()), GetParam().tensors);
  EXPECT_EQ(tensors.front().name, "visual.patch_embed.proj.weight");
  EXPECT_EQ(toString(tensors.front().shape), "[1280, 3, 2, 14, 14]");
}

INSTANTIATE_TEST_SUITE_P(All, ExpectedTensorsOf, testing::ValuesIn(kReleasedSizes),
                         [](const auto &info) { return "Size" + std::string(info.param.name); });

TEST(TensorName, Normalisation) {
  EXPECT_EQ(canonicalTensorName("model.visual.merger.ln_q.weight"), "visual.merger.ln_q.weight");
  EXPECT_EQ(canonicalTensorName("model.language_model.norm.weight"), "model.norm.weight");
  EXPECT_EQ(canonicalTensorName("language_model.model.norm.weight"), "model.norm.weight");
  EXPECT_EQ(canonicalTensorName("language_model.lm_head.weight"), "lm_head.weight");
  for (const char *name : {"visual.patch_embed.proj.weight", "model.norm.weight", "lm_head.weight"})
    EXPECT_EQ(canonicalTensorName(name), name);
}

//===----------------------------------------------------------------------===//
// Headers
//===----------------------------------------------------------------------===//

std::string headerError(const std::string &json, CheckpointLimits limits = {}) {
  return messageOf(parseSafetensorsHeader(json, "f.safetensors", 8 + json.size(), limits));
}

TEST(SafetensorsHeader, ReadsEntriesInOrderOfOffsets) {
  const std::string json = R"({"__metadata__":{"format":"pt"},)" +
                           entry("b", "F32", {2, 3}, 8, 32) + "," + entry("a", "BF16", {4}, 0, 8) +
                           "," + entry("s", "F16", {}, 32, 34) + "," +
                           entry("none", "F16", {0, 5}, 34, 34) + "}  ";
  const auto tensors = llvm::cantFail(parseSafetensorsHeader(json, "f", 100, {}));
  ASSERT_EQ(tensors.size(), 4u);
  EXPECT_EQ(tensors[0].sourceName, "a");
  EXPECT_EQ(tensors[0].offset, 100u);
  EXPECT_EQ(tensors[0].elements(), 4);
  EXPECT_EQ(tensors[1].sourceName, "b");
  EXPECT_EQ(tensors[1].dtype, DType::F32);
  EXPECT_EQ(tensors[1].offset, 108u);
  EXPECT_EQ(toString(tensors[1].shape), "[2, 3]");
  EXPECT_EQ(tensors[2].elements(), 1);
  EXPECT_EQ(tensors[3].elements(), 0);
}

TEST(SafetensorsHeader, NamesEveryDefect) {
  EXPECT_THAT(headerError("{" + entry("w", "I8", {4}, 0, 4) + "}"),
              HasSubstr("f.safetensors: tensor 'w': dtype I8 is not supported"));
  EXPECT_THAT(headerError("{" + entry("w", "F32", {4}, 0, 12) + "}"),
              HasSubstr("'w': shape [4] of F32 needs 16 bytes, its data_offsets span 12"));
  EXPECT_THAT(headerError("{" + entry("w", "F32", {1L << 40, 1L << 40}, 0, 12) + "}"),
              HasSubstr("needs too many bytes"));
  EXPECT_THAT(headerError("{" + entry("w", "F32", {4}, 16, 0) + "}"), HasSubstr("[begin, end]"));
  EXPECT_THAT(headerError("{" + entry("w", "F32", {-4}, 0, 16) + "}"), HasSubstr("list of sizes"));
  EXPECT_THAT(headerError("{" + entry("w", "F32", std::vector<int64_t>(9, 1), 0, 4) + "}"),
              HasSubstr("list of sizes"));
  EXPECT_THAT(
      headerError("{" + entry("v", "F32", {4}, 0, 16) + "," + entry("w", "F32", {4}, 12, 28) + "}"),
      HasSubstr("the data of 'v' and 'w' overlap"));
  EXPECT_THAT(
      headerError("{" + entry("w", "F32", {4}, 0, 16) + "," + entry("w", "F32", {4}, 16, 32) + "}"),
      HasSubstr("'w' occurs twice"));
  EXPECT_THAT(headerError(R"({"w":[]})"), HasSubstr("not an object"));
  EXPECT_THAT(headerError(R"({"w":{}})"), HasSubstr("dtype missing"));
  EXPECT_THAT(headerError(R"({"w":{"dtype":"F32","shape":[18446744073709551615]}})"),
              HasSubstr("list of sizes"));
  EXPECT_THAT(headerError("{\"\xff\":1}"), HasSubstr("no valid JSON"));
  EXPECT_THAT(
      headerError("{" + entry("v", "F32", {1}, 0, 4) + "," + entry("w", "F32", {1}, 4, 8) + "}",
                  {.tensors = 1}),
      HasSubstr("holds 2 tensors, the limit is 1"));
}

TEST(SafetensorsHeader, RejectsBadFiles) {
  TemporaryDirectory directory;
  const auto error = [&](std::string_view contents, CheckpointLimits limits = {}) {
    return messageOf(readSafetensorsHeader(directory.write("f", contents), limits));
  };
  EXPECT_THAT(error(""), HasSubstr("truncated: no safetensors header"));
  EXPECT_THAT(error("1234567"), HasSubstr("truncated: no safetensors header"));
  EXPECT_THAT(error(std::string(8, '\xff')), HasSubstr("not a safetensors file"));
  EXPECT_THAT(error(safetensors("{}", "").substr(0, 9)), HasSubstr("truncated inside"));
  EXPECT_THAT(error(safetensors("{}", ""), {.headerBytes = 1}), HasSubstr("above the limit of 1"));
  EXPECT_THAT(messageOf(readSafetensorsHeader(directory.path("none"), {})),
              HasSubstr("file not found"));
  EXPECT_THAT(messageOf(readSafetensorsHeader(directory.path(), {})), HasSubstr("regular file"));
  ASSERT_EQ(::mkfifo(directory.path("pipe").c_str(), 0600), 0);
  EXPECT_THAT(messageOf(readSafetensorsHeader(directory.path("pipe"), {})),
              HasSubstr("regular file"));
}

//===----------------------------------------------------------------------===//
// Shards
//===----------------------------------------------------------------------===//

class Shards : public testing::Test {
protected:
  Shards() {
    directory.write("a.safetensors", safetensors("{" + entry("v", "F32", {1}, 0, 4) + "}", "1234"));
    directory.write("b.safetensors", safetensors("{" + entry("w", "F32", {1}, 0, 4) + "}", "5678"));
    index(R"("v":"a.safetensors","w":"b.safetensors")");
  }
  void index(const std::string &map) {
    directory.write("model.safetensors.index.json",
                    R"({"metadata":{"total_size":8},"weight_map":{)" + map + "}}");
  }
  std::string error() { return messageOf(Checkpoint::open(directory.path())); }

  TemporaryDirectory directory;
};

TEST_F(Shards, Open) {
  const Checkpoint checkpoint = llvm::cantFail(Checkpoint::open(directory.path()));
  ASSERT_NE(checkpoint.find("w"), nullptr);
  EXPECT_EQ(checkpoint.find("w")->file, directory.path("b.safetensors"));
  EXPECT_EQ(checkpoint.find("x"), nullptr);
  TensorReader reader;
  std::string bytes(4, '\0');
  EXPECT_EQ(messageOf(reader.read(*checkpoint.find("w"), 0, {bytes.data(), 4})), "");
  EXPECT_EQ(bytes, "5678");
  EXPECT_EQ(messageOf(reader.read(*checkpoint.find("v"), 2, {bytes.data(), 2})), "");
  EXPECT_EQ(bytes, "3478");
  EXPECT_THAT(messageOf(reader.read(*checkpoint.find("v"), 2, {bytes.data(), 3})),
              HasSubstr("past its end"));
}

TEST_F(Shards, MissingShardIsNamed) {
  std::filesystem::remove(directory.path("b.safetensors"));
  EXPECT_THAT(error(), HasSubstr("b.safetensors: missing shard"));
}

TEST_F(Shards, TensorOfTheIndexIsNotInItsShard) {
  index(R"("v":"a.safetensors","w":"a.safetensors")");
  EXPECT_THAT(error(), HasSubstr("tensor 'w' is not in a.safetensors"));
  index(R"("v":"b.safetensors","w":"a.safetensors")");
  EXPECT_THAT(error(), HasSubstr("tensor 'v' is not in b.safetensors"));
}

TEST_F(Shards, ShardOutsideTheDirectory) {
  for (const char *name : {"../a.safetensors", "/etc/passwd", "", "..", "a\\u0000"}) {
    index(R"("v":")" + std::string(name) + "\"");
    EXPECT_THAT(error(), HasSubstr("is not mapped to a file name")) << name;
  }
  index(R"("v":5)");
  EXPECT_THAT(error(), HasSubstr("is not mapped to a file name"));
}

TEST_F(Shards, SameTensorTwice) {
  directory.write("b.safetensors", safetensors("{" + entry("w", "F32", {1}, 0, 4) + "," +
                                                   entry("model.visual.x", "F32", {1}, 4, 8) + "," +
                                                   entry("visual.x", "F32", {1}, 8, 12) + "}",
                                               "123456789012"));
  EXPECT_THAT(error(), HasSubstr("tensor 'visual.x' is already in"));
  EXPECT_THAT(error(), HasSubstr("as 'model.visual.x'"));
}

TEST_F(Shards, IndexWithoutMap) {
  directory.write("model.safetensors.index.json", "{}");
  EXPECT_THAT(error(), HasSubstr("weight_map: missing"));
}

TEST_F(Shards, NoCheckpointAtAll) {
  std::filesystem::remove(directory.path("model.safetensors.index.json"));
  EXPECT_THAT(error(), HasSubstr("holds neither model.safetensors nor"));
}

TEST_F(Shards, DataAreCheckedWhenRead) {
  const std::string whole = readFile(directory.path("b.safetensors"));
  directory.write("b.safetensors", whole.substr(0, whole.size() - 1));
  const Checkpoint checkpoint = llvm::cantFail(Checkpoint::open(directory.path()));
  const std::string expected = "b.safetensors: truncated: ";
  EXPECT_THAT(messageOf(checkpoint.checkDataPresent()), HasSubstr(expected + "holds"));
  TensorReader reader;
  char bytes[4];
  llvm::Error error = reader.read(*checkpoint.find("w"), 0, bytes);
  EXPECT_EQ(failureKind(error), FailureKind::BadInput);
  EXPECT_THAT(messageOf(std::move(error)), HasSubstr(expected + "the file ends inside tensor 'w'"));
}

//===----------------------------------------------------------------------===//
// Comparison with the model
//===----------------------------------------------------------------------===//

/// The smallest model, as a header whose data are absent.
class Comparison : public testing::Test {
protected:
  Comparison() {
    config.vision.depth = 1;
    config.vision.hiddenSize = 8;
    config.vision.intermediateSize = 12;
    config.vision.outHiddenSize = 16;
    config.text.hiddenSize = 16;
    config.text.layers = 1;
    config.text.heads = 2;
    config.text.kvHeads = 1;
    config.text.headDim = 8;
    config.text.intermediateSize = 24;
    config.text.vocabSize = 32;
    tensors = expectedTensors(config);
  }

  ExpectedTensor &tensor(llvm::StringRef name) {
    return *llvm::find_if(tensors, [&](const ExpectedTensor &t) { return t.name == name; });
  }

  std::string compare() {
    std::string header = "{";
    uint64_t offset = 0;
    for (const ExpectedTensor &tensor : tensors) {
      uint64_t bytes = 2;
      for (int64_t size : tensor.shape)
        bytes *= size;
      header += (header.size() > 1 ? "," : "") + entry(tensor.name, "BF16",
                                                       {tensor.shape.begin(), tensor.shape.end()},
                                                       offset, offset + bytes);
      offset += bytes;
    }
    directory.write("model.safetensors", safetensors(header + "}", ""));
    llvm::Expected<Checkpoint> checkpoint = Checkpoint::open(directory.path());
    if (!checkpoint)
      return messageOf(checkpoint.takeError());
    return messageOf(checkpoint->matches(config, warnings));
  }

  TemporaryDirectory directory;
  ModelConfig config;
  std::vector<ExpectedTensor> tensors;
  std::vector<std::string> warnings;
};

TEST_F(Comparison, HeadersAloneSuffice) {
  EXPECT_EQ(compare(), "");
  EXPECT_TRUE(warnings.empty());
}

TEST_F(Comparison, OtherNamingScheme) {
  for (ExpectedTensor &tensor : tensors)
    if (llvm::StringRef(tensor.name).starts_with("visual."))
      tensor.name = "model." + tensor.name;
    else if (llvm::StringRef(tensor.name).starts_with("model."))
      tensor.name = "model.language_model." + tensor.name.substr(6);
  EXPECT_EQ(compare(), "");
}

TEST_F(Comparison, MissingTensorsAreNamed) {
  tensor("model.norm.weight").name = "model.norm.bias";
  EXPECT_THAT(compare(), HasSubstr("1 missing: model.norm.weight; 1 not part of the model: "
                                   "model.norm.bias"));
}

TEST_F(Comparison, WrongShapesAreNamed) {
  tensor("model.norm.weight").shape = {17};
  EXPECT_THAT(compare(), HasSubstr("1 wrongly shaped: model.norm.weight is [17] instead of [16]"));
}

TEST_F(Comparison, TransposedMatrix) {
  std::swap(tensor("model.layers.0.mlp.down_proj.weight").shape[0],
            tensor("model.layers.0.mlp.down_proj.weight").shape[1]);
  EXPECT_THAT(compare(), HasSubstr("is [24, 16] instead of [16, 24]"));
}

TEST_F(Comparison, EveryTensorIsNamed) {
  const std::vector<ExpectedTensor> all = tensors;
  tensors.resize(10);
  const std::string line = compare();
  EXPECT_THAT(line, HasSubstr("23 missing: "));
  for (const ExpectedTensor &missing : llvm::ArrayRef(all).drop_front(10))
    EXPECT_THAT(line, HasSubstr(missing.name));
}

TEST_F(Comparison, HeadBesideTiedEmbeddingIsIgnored) {
  config.text.tieWordEmbeddings = true;
  EXPECT_EQ(compare(), "");
  ASSERT_EQ(warnings.size(), 1u);
  EXPECT_THAT(warnings[0], HasSubstr("'lm_head.weight' is ignored"));
}

TEST_F(Comparison, TiedWithoutHead) {
  config.text.tieWordEmbeddings = true;
  tensors = expectedTensors(config);
  EXPECT_EQ(compare(), "");
  EXPECT_TRUE(warnings.empty());
}

TEST_F(Comparison, UntiedWithoutHead) {
  tensors.pop_back();
  EXPECT_THAT(compare(), HasSubstr("1 missing: lm_head.weight"));
}

} // namespace
