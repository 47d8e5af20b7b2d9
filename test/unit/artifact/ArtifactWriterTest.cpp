// Whole artifacts, written and read back with the generated verifier.

#include "qvl/Artifact/ArtifactWriter.h"

#include "FileSizeLimit.h"
#include "qvl/Artifact/ModelFacts.h"
#include "qvl/Import/Failure.h"
#include "qvlfmt/Version.h"
#include "test/unit/import/CheckpointFiles.h"
#include "llvm/Support/xxhash.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include <cstddef>
#include <cstring>

namespace {

using namespace qvl;
using namespace qvl::test;
using qvlfmt::ElementType;
using testing::ElementsAre;
using testing::HasSubstr;

ImportedModel import(const std::string &directory) {
  std::vector<std::string> warnings;
  return llvm::cantFail(importModel(directory, warnings));
}

int64_t roundUp(int64_t value, int64_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

/// Every tensor in the encoding that the compiler gives it, and a target that stands for programs.
ArtifactDescription describe(const ImportedModel &model) {
  ArtifactDescription description;
  description.metadata = llvm::cantFail(describeModel(model, {}));
  for (const TensorInfo &tensor : model.checkpoint.tensors()) {
    const bool isBf16 = tensor.dtype == DType::BF16;
    const ElementType element = isBf16 ? ElementType::BF16 : ElementType::F32;
    if (tensor.shape.size() == 1) {
      description.weights.push_back({tensor.canonicalName,
                                     tensor.shape,
                                     {0, 1, tensor.shape[0], 1, ElementType::F32},
                                     {tensor}});
      continue;
    }
    const int64_t rows = tensor.shape[0], columns = tensor.elements() / rows;
    const int group = isBf16 ? 2 : 1;
    description.weights.push_back({tensor.canonicalName,
                                   {rows, columns},
                                   {32, group, roundUp(rows, 32), roundUp(columns, group), element},
                                   {tensor}});
  }
  auto target = std::make_unique<qvlfmt::TargetT>();
  target->name = "cpu";
  target->precision = "f32";
  auto object = std::make_unique<qvlfmt::CodeObjectT>();
  object->feature_set = "v3";
  object->bytes.assign(1000, 0xAB);
  target->objects.push_back(std::move(object));
  description.metadata.targets.push_back(std::move(target));
  return description;
}

/// A written file, verified.
class WrittenArtifact {
public:
  explicit WrittenArtifact(std::string contents) : bytes(std::move(contents)) {
    EXPECT_GE(bytes.size(), sizeof(header));
    std::memcpy(&header, bytes.data(), sizeof(header));
    const auto *start = reinterpret_cast<const uint8_t *>(bytes.data()) + header.metadata_offset;
    flatbuffers::Verifier verifier(start, header.metadata_bytes);
    EXPECT_TRUE(qvlfmt::VerifyArtifactBuffer(verifier));
    artifact = qvlfmt::GetArtifact(start);
  }

  llvm::StringRef at(uint64_t offset, uint64_t size) const {
    return llvm::StringRef(bytes).substr(offset, size);
  }
  llvm::StringRef stored(const qvlfmt::Weight &weight) const {
    return at(weight.offset(), weight.bytes());
  }

  std::string bytes;
  qvlfmt::FileHeader header;
  const qvlfmt::Artifact *artifact;
};

class ArtifactOf : public testing::TestWithParam<const char *> {
protected:
  ArtifactOf() : model(import(treePath(GetParam()))) {}

  std::string write(const char *name, const ArtifactWriteOptions &options = {}) {
    const std::string path = directory.path(name);
    EXPECT_EQ(messageOf(writeArtifact(describe(model), path, options)), "");
    return readFile(path);
  }

  TemporaryDirectory directory;
  ImportedModel model;
};

INSTANTIATE_TEST_SUITE_P(Tree, ArtifactOf,
                         testing::Values("models/shapes-vl",
                                         "test/e2e/goldens/checkpoints/mini_bf16",
                                         "test/e2e/goldens/checkpoints/mini_f32"),
                         [](const auto &info) {
                           std::string name = std::filesystem::path(info.param).filename();
                           std::erase_if(name, [](char c) { return !std::isalnum(c); });
                           return name;
                         });

TEST_P(ArtifactOf, HeaderAndChecksums) {
  const WrittenArtifact written(write("a.qvl"));
  const qvlfmt::FileHeader &header = written.header;
  EXPECT_EQ(llvm::StringRef(header.magic, 8), llvm::StringRef(qvlfmt::kMagic, 8));
  EXPECT_EQ(header.version_major, qvlfmt::kVersionMajor);
  EXPECT_EQ(header.version_minor, qvlfmt::kVersionMinor);
  EXPECT_EQ(header.metadata_offset, sizeof(header));
  EXPECT_EQ(header.file_bytes, written.bytes.size());
  EXPECT_EQ(header.weights_offset % qvlfmt::kWeightAlignment, 0u);
  EXPECT_GE(header.weights_offset, header.metadata_offset + header.metadata_bytes);
  EXPECT_EQ(header.header_checksum,
            llvm::xxh3_64bits(written.at(0, offsetof(qvlfmt::FileHeader, header_checksum))));
  EXPECT_EQ(header.metadata_checksum,
            llvm::xxh3_64bits(written.at(header.metadata_offset, header.metadata_bytes)));
  uint64_t end = header.weights_offset;
  for (const qvlfmt::Weight *weight : *written.artifact->weights()) {
    EXPECT_EQ(weight->offset() % qvlfmt::kWeightAlignment, 0u);
    EXPECT_GE(weight->offset(), end);
    end = weight->offset() + weight->bytes();
    EXPECT_EQ(weight->checksum(), llvm::xxh3_64bits(written.stored(*weight)))
        << weight->name()->str();
  }
  EXPECT_EQ(end, header.file_bytes);
}

/// Element [row, column] of a stored weight as the bits of an f32.
uint32_t storedBits(llvm::StringRef stored, const qvlfmt::Encoding &e, int64_t row,
                    int64_t column) {
  int64_t index = row;
  if (e.panel_n() != 0)
    index = ((row / e.panel_n() * (e.pad_k() / e.k_group()) + column / e.k_group()) * e.panel_n() +
             row % e.panel_n()) *
                e.k_group() +
            column % e.k_group();
  const int width = e.element() == ElementType::BF16 ? 2 : 4;
  uint32_t bits = 0;
  std::memcpy(&bits, stored.data() + index * width, width);
  return width == 2 ? bits << 16 : bits;
}

TEST_P(ArtifactOf, WeightsAreTheCheckpoints) {
  const WrittenArtifact written(write("a.qvl"));
  ASSERT_EQ(written.artifact->weights()->size(), model.checkpoint.tensors().size());
  for (const qvlfmt::Weight *weight : *written.artifact->weights()) {
    const TensorInfo *tensor = model.checkpoint.find(weight->name()->str());
    ASSERT_NE(tensor, nullptr);
    const int64_t width = byteWidth(tensor->dtype), rows = weight->shape()->Get(0);
    const int64_t columns = weight->shape()->size() == 1 ? 1 : weight->shape()->Get(1);
    ASSERT_EQ(rows * columns, tensor->elements());
    std::string source(tensor->bytes, '\0');
    TensorReader reader;
    ASSERT_EQ(messageOf(reader.read(*tensor, 0, {source.data(), source.size()})), "");
    int64_t differences = 0;
    for (int64_t row = 0; row < rows; ++row)
      for (int64_t column = 0; column < columns; ++column) {
        uint32_t bits = 0;
        std::memcpy(&bits, source.data() + (row * columns + column) * width, width);
        differences += (width == 2 ? bits << 16 : bits) !=
                       storedBits(written.stored(*weight), *weight->encoding(), row, column);
      }
    EXPECT_EQ(differences, 0) << weight->name()->str();
  }
}

TEST_P(ArtifactOf, FactsAndTokenizer) {
  const WrittenArtifact written(write("a.qvl"));
  const qvlfmt::ModelFacts &facts = *written.artifact->model();
  EXPECT_EQ(facts.name()->str(), model.name);
  EXPECT_EQ(facts.architecture()->str(), "qwen2_5_vl");
  EXPECT_EQ(facts.hidden_size(), model.config.text.hiddenSize);
  EXPECT_EQ(facts.layers(), model.config.text.layers);
  EXPECT_EQ(facts.kv_heads(), model.config.text.kvHeads);
  EXPECT_EQ(facts.max_context(), model.config.text.maxPositionEmbeddings);
  EXPECT_EQ(facts.page_size(), 128);
  EXPECT_EQ(facts.patch_row(), 1176);
  EXPECT_EQ(facts.image_pad_id(), model.config.ids.image);
  EXPECT_EQ(facts.chat_template()->str(), "qwen2_5_vl");
  EXPECT_EQ(facts.processor()->max_pixels(), model.processor.maxPixels);
  EXPECT_EQ(facts.processor()->image_std()->y(), 0.26130258);
  EXPECT_EQ(facts.generation()->temperature(), model.generation.temperature);
  EXPECT_EQ(facts.generation()->eos_ids()->size(), 2u);
  const qvlfmt::Tokenizer &tokenizer = *written.artifact->tokenizer();
  EXPECT_EQ(tokenizer.byte_ids()->size(), 256u);
  EXPECT_EQ(tokenizer.piece_offsets()->size(), model.tokenizer.pieceOffsets.size());
  EXPECT_EQ(tokenizer.piece_bytes()->size(), model.tokenizer.pieceBytes.size());
  ASSERT_EQ(tokenizer.merges()->size(), model.tokenizer.merges.size());
  EXPECT_EQ(tokenizer.merges()->Get(1)->result(), model.tokenizer.merges[1].result);
  ASSERT_EQ(tokenizer.added_tokens()->size(), 22u);
  EXPECT_EQ(tokenizer.added_tokens()->Get(0)->content()->str(), "<|endoftext|>");
  EXPECT_TRUE(tokenizer.added_tokens()->Get(0)->special());
  EXPECT_EQ(written.artifact->targets()->Get(0)->objects()->Get(0)->bytes()->size(), 1000u);
}

TEST_P(ArtifactOf, SameBytesEveryTime) {
  const std::string first = write("a.qvl");
  EXPECT_EQ(write("b.qvl"), first);
  EXPECT_EQ(write("c.qvl", {.blockBytes = 1000}), first);
  EXPECT_EQ(write("a.qvl"), first); // replaces
  EXPECT_THAT(directory.entries(), ElementsAre("a.qvl", "b.qvl", "c.qvl"));
}

TEST_P(ArtifactOf, ReportsProgress) {
  uint64_t last = 0, end = 0, calls = 0;
  write("a.qvl", {.blockBytes = 100000, .progress = [&](uint64_t done, uint64_t total) {
                    EXPECT_GT(done, last);
                    last = done;
                    end = total;
                    ++calls;
                  }});
  EXPECT_EQ(last, end);
  EXPECT_GT(calls, model.checkpoint.tensors().size());
}

//===----------------------------------------------------------------------===//
// Failures
//===----------------------------------------------------------------------===//

class FailedWrite : public testing::Test {
protected:
  FailedWrite() : model(import(treePath("models/shapes-vl"))) {
    directory.write("model.qvl", "former");
  }
  /// Nothing is left behind and the former file is intact.
  void expectUntouched() {
    EXPECT_EQ(readFile(directory.path("model.qvl")), "former");
    EXPECT_THAT(directory.entries(), ElementsAre("model.qvl"));
  }
  std::string error(ArtifactDescription description, FailureKind kind) {
    llvm::Error error = writeArtifact(std::move(description), directory.path("model.qvl"));
    EXPECT_EQ(failureKind(error), kind);
    return messageOf(std::move(error));
  }

  TemporaryDirectory directory;
  ImportedModel model;
};

TEST_F(FailedWrite, FullDisk) {
  FileSizeLimit limit(100000);
  EXPECT_THAT(error(describe(model), FailureKind::System), HasSubstr("model.qvl: cannot claim"));
  expectUntouched();
}

TEST_F(FailedWrite, TruncatedCheckpoint) {
  ArtifactDescription description = describe(model);
  TemporaryDirectory copies;
  const std::string whole = readFile(description.weights.back().sources.front().file);
  const std::string cut = copies.write("model.safetensors", whole.substr(0, whole.size() - 1));
  for (WeightDescription &weight : description.weights)
    weight.sources.front().file = cut;
  EXPECT_THAT(error(std::move(description), FailureKind::BadInput),
              HasSubstr("model.safetensors: truncated: the file ends inside tensor"));
  expectUntouched();
}

TEST_F(FailedWrite, ContradictoryDescription) {
  ArtifactDescription description = describe(model);
  description.weights[3].shape[0] += 1;
  EXPECT_THAT(error(std::move(description), FailureKind::Internal), HasSubstr("differ in size"));
  expectUntouched();
}

TEST_F(FailedWrite, BadPath) {
  EXPECT_THAT(messageOf(writeArtifact(describe(model), directory.path("none/model.qvl"))),
              HasSubstr("there is no directory"));
  expectUntouched();
}

TEST(ModelFacts, Limits) {
  const ImportedModel model = import(treePath("models/shapes-vl"));
  EXPECT_EQ(llvm::cantFail(describeModel(model, {.maxContext = 512})).model->max_context, 512);
  EXPECT_THAT(messageOf(describeModel(model, {.maxContext = 4097})),
              HasSubstr("a context of 4097 tokens is not possible; this model has at most 4096"));
  EXPECT_THAT(messageOf(describeModel(model, {.pageSize = 100})), HasSubstr("KV pages of 100"));
}

TEST(ArtifactWriter, NoWeights) {
  TemporaryDirectory directory;
  ArtifactDescription description;
  description.metadata.producer = "test";
  EXPECT_EQ(messageOf(writeArtifact(std::move(description), directory.path("a.qvl"))), "");
  const WrittenArtifact written(readFile(directory.path("a.qvl")));
  EXPECT_EQ(written.header.file_bytes, written.bytes.size());
  EXPECT_EQ(written.header.weights_offset, written.bytes.size());
}

} // namespace
