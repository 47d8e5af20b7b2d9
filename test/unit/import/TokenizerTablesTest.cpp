// Tokenizer files to tables (the model specification, sections 3.1 to 3.4).

#include "qvl/Import/TokenizerTables.h"

#include "CheckpointFiles.h"
#include "qvlfmt/ByteMap.h"
#include "llvm/Support/JSON.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include <filesystem>

namespace {

using namespace qvl;
using namespace qvl::test;
using testing::HasSubstr;
namespace json = llvm::json;

constexpr uint32_t kIdLimit = 1000;

TokenizerTables tablesOf(const std::string &directory) {
  const TokenizerSource source = llvm::cantFail(readTokenizerFiles(directory));
  return llvm::cantFail(buildTokenizerTables(source, directory, kIdLimit));
}

/// The 256 single bytes with their own values as ids.
TokenizerSource singleBytes() {
  TokenizerSource source;
  for (unsigned byte = 0; byte < 256; ++byte) {
    const uint16_t codePoint = qvlfmt::kByteToCodePoint[byte];
    std::string token;
    if (codePoint < 0x80) {
      token = static_cast<char>(codePoint);
    } else {
      token += static_cast<char>(0xC0 | codePoint >> 6);
      token += static_cast<char>(0x80 | (codePoint & 0x3F));
    }
    source.vocabulary[token] = byte;
  }
  return source;
}

std::string errorOf(const TokenizerSource &source) {
  return messageOf(buildTokenizerTables(source, "t", kIdLimit));
}

//===----------------------------------------------------------------------===//
// Checkpoints of the tree
//===----------------------------------------------------------------------===//

class TokenizerOf : public testing::TestWithParam<const char *> {};

/// The tables say what the JSON files say, read here in a second way.
TEST_P(TokenizerOf, MatchesItsFiles) {
  const std::string directory = treePath(GetParam());
  const TokenizerTables tables = tablesOf(directory);
  const json::Value root = llvm::cantFail(json::parse(readFile(directory + "/tokenizer.json")));
  const json::Object &model = *root.getAsObject()->getObject("model");
  const json::Array &added = *root.getAsObject()->getArray("added_tokens");
  EXPECT_EQ(tables.merges.size(), model.getArray("merges")->size());
  ASSERT_EQ(tables.addedTokens.size(), added.size());
  for (size_t i = 0; i < added.size(); ++i) {
    EXPECT_EQ(tables.addedTokens[i].id, added[i].getAsObject()->getInteger("id"));
    EXPECT_EQ(tables.addedTokens[i].content, added[i].getAsObject()->getString("content"));
    EXPECT_EQ(tables.addedTokens[i].special, added[i].getAsObject()->getBoolean("special"));
    EXPECT_EQ(tables.piece(tables.addedTokens[i].id), tables.addedTokens[i].content);
  }
  EXPECT_EQ(tables.pieceOffsets.size(), model.getObject("vocab")->size() + added.size() + 1);
  for (const auto &entry : *model.getObject("vocab"))
    if (llvm::all_of(entry.first.str(), [](char c) { return c > 0; })) { // printable ASCII only
      EXPECT_EQ(tables.piece(*entry.second.getAsInteger()), entry.first.str());
    }
}

TEST_P(TokenizerOf, TablesAreConsistent) {
  const TokenizerTables tables = tablesOf(treePath(GetParam()));
  for (unsigned byte = 0; byte < 256; ++byte)
    EXPECT_EQ(tables.piece(tables.byteIds[byte]), llvm::StringRef(std::string(1, byte)));
  std::vector<bool> ranks(tables.merges.size());
  const TokenizerTables::Merge *previous = nullptr;
  for (const TokenizerTables::Merge &merge : tables.merges) {
    EXPECT_EQ((tables.piece(merge.left) + tables.piece(merge.right)).str(),
              tables.piece(merge.result));
    ranks.at(merge.rank) = true;
    if (previous) {
      EXPECT_LT(std::tie(previous->left, previous->right), std::tie(merge.left, merge.right));
    }
    previous = &merge;
  }
  EXPECT_THAT(ranks, testing::Each(true));
}

TEST_P(TokenizerOf, SeparateFilesGiveTheSameTables) {
  TemporaryDirectory directory;
  for (const char *name : {"vocab.json", "merges.txt", "tokenizer_config.json"})
    std::filesystem::copy(treePath(GetParam()) + "/" + name, directory.path(name));
  const TokenizerTables separate = tablesOf(directory.path());
  const TokenizerTables whole = tablesOf(treePath(GetParam()));
  EXPECT_EQ(separate.byteIds, whole.byteIds);
  EXPECT_EQ(separate.pieceOffsets, whole.pieceOffsets);
  EXPECT_EQ(separate.pieceBytes, whole.pieceBytes);
  ASSERT_EQ(separate.merges.size(), whole.merges.size());
  for (size_t i = 0; i < whole.merges.size(); ++i)
    EXPECT_EQ(std::tie(separate.merges[i].left, separate.merges[i].right, separate.merges[i].result,
                       separate.merges[i].rank),
              std::tie(whole.merges[i].left, whole.merges[i].right, whole.merges[i].result,
                       whole.merges[i].rank));
  ASSERT_EQ(separate.addedTokens.size(), whole.addedTokens.size());
  for (size_t i = 0; i < whole.addedTokens.size(); ++i) {
    EXPECT_EQ(separate.addedTokens[i].content, whole.addedTokens[i].content);
    EXPECT_EQ(separate.addedTokens[i].special, whole.addedTokens[i].special);
  }
}

INSTANTIATE_TEST_SUITE_P(Tree, TokenizerOf,
                         testing::Values("models/shapes-vl",
                                         "test/e2e/goldens/checkpoints/mini_bf16",
                                         "test/e2e/goldens/checkpoints/mini_f32"),
                         [](const auto &info) {
                           std::string name = std::filesystem::path(info.param).filename();
                           std::erase_if(name, [](char c) { return !std::isalnum(c); });
                           return name;
                         });

//===----------------------------------------------------------------------===//
// Building
//===----------------------------------------------------------------------===//

TEST(TokenizerTables, MergesAreSortedAndRanked) {
  TokenizerSource source = singleBytes();
  source.vocabulary["ba"] = 300;
  source.vocabulary["ab"] = 301;
  source.vocabulary["aba"] = 302;
  source.merges = {{"b", "a"}, {"a", "b"}, {"ab", "a"}};
  const TokenizerTables tables = llvm::cantFail(buildTokenizerTables(source, "t", kIdLimit));
  ASSERT_EQ(tables.merges.size(), 3u);
  EXPECT_EQ(tables.merges[0].left, uint32_t{'a'});
  EXPECT_EQ(tables.merges[0].result, 301u);
  EXPECT_EQ(tables.merges[0].rank, 1u);
  EXPECT_EQ(tables.merges[1].rank, 0u);
  EXPECT_EQ(tables.merges[2].left, 301u);
  EXPECT_EQ(tables.piece(302), "aba");
  EXPECT_EQ(tables.piece(299), ""); // an id without a token
  EXPECT_EQ(tables.pieceOffsets.size(), 304u);
}

TEST(TokenizerTables, Errors) {
  TokenizerSource source = singleBytes();
  source.merges = {{"a", "b"}};
  EXPECT_THAT(errorOf(source), HasSubstr("merge 0 ('a' and 'b') has a part or a result"));
  source.vocabulary["ab"] = 300;
  EXPECT_EQ(errorOf(source), "");
  source.merges.push_back({"a", "b"});
  EXPECT_THAT(errorOf(source), HasSubstr("merges 0 and 1 are the same pair"));

  source = singleBytes();
  source.vocabulary.erase("a");
  EXPECT_THAT(errorOf(source), HasSubstr("no token for the single byte 97"));

  source = singleBytes();
  source.vocabulary["ab"] = 'a';
  EXPECT_THAT(errorOf(source), HasSubstr("id 97 stands for two tokens"));

  source = singleBytes();
  source.vocabulary["ab"] = kIdLimit;
  EXPECT_THAT(errorOf(source), HasSubstr("token 'ab' has id 1000, vocab_size"));

  source = singleBytes();
  source.vocabulary["a b"] = 300; // a blank is written U+0120
  EXPECT_THAT(errorOf(source), HasSubstr("token 'a b' is not in the byte map"));

  source = singleBytes();
  source.addedTokens = {{300, "<x>", true}, {300, "<y>", true}};
  EXPECT_THAT(errorOf(source), HasSubstr("'<y>' or its id occurs twice"));
  source.addedTokens[1] = {301, "<x>", true};
  EXPECT_THAT(errorOf(source), HasSubstr("'<x>' or its id occurs twice"));
  source.addedTokens[1] = {'a', "<y>", true};
  EXPECT_THAT(errorOf(source), HasSubstr("id 97 stands for two tokens"));
}

//===----------------------------------------------------------------------===//
// Files
//===----------------------------------------------------------------------===//

class TokenizerJson : public testing::Test {
protected:
  TokenizerJson()
      : root(llvm::cantFail(json::parse(readFile(treePath("models/shapes-vl/tokenizer.json"))))) {}

  json::Object &object() { return *root.getAsObject(); }
  json::Object &model() { return *object().getObject("model"); }
  std::string error() {
    std::string text;
    llvm::raw_string_ostream(text) << root;
    return messageOf(parseTokenizerJson(text, "tokenizer.json"));
  }

  json::Value root;
};

TEST_F(TokenizerJson, Valid) { EXPECT_EQ(error(), ""); }

TEST_F(TokenizerJson, Normalizer) {
  object()["normalizer"] = json::Object{{"type", "NFKC"}};
  EXPECT_THAT(error(), HasSubstr("normalizer.type: only NFC"));
}

TEST_F(TokenizerJson, Pattern) {
  json::Array &steps = *object().getObject("pre_tokenizer")->getArray("pretokenizers");
  (*steps[0].getAsObject()->getObject("pattern"))["Regex"] = "\\s+";
  EXPECT_THAT(error(), HasSubstr("pre_tokenizer.pretokenizers: only the splitting of Qwen2"));
}

TEST_F(TokenizerJson, PrefixSpace) {
  json::Array &steps = *object().getObject("pre_tokenizer")->getArray("pretokenizers");
  (*steps[1].getAsObject())["add_prefix_space"] = true;
  EXPECT_THAT(error(), HasSubstr("pre_tokenizer.pretokenizers"));
}

TEST_F(TokenizerJson, PostProcessor) {
  object()["post_processor"] = json::Object{{"type", "TemplateProcessing"}};
  EXPECT_THAT(error(), HasSubstr("post_processor.type"));
}

TEST_F(TokenizerJson, ModelType) {
  model()["type"] = "Unigram";
  EXPECT_THAT(error(), HasSubstr("model.type: only BPE"));
}

TEST_F(TokenizerJson, ByteFallback) {
  model()["byte_fallback"] = true;
  EXPECT_THAT(error(), HasSubstr("model.byte_fallback"));
}

TEST_F(TokenizerJson, MergeForms) {
  for (json::Value entry : {json::Value("a"), json::Value("a b c"), json::Value(json::Array{"a"}),
                            json::Value(json::Array{"a", 1}), json::Value(1)}) {
    (*model().getArray("merges"))[1] = std::move(entry);
    EXPECT_THAT(error(), HasSubstr("merges: entry 1 is neither"));
  }
}

TEST_F(TokenizerJson, VocabularyIds) {
  (*model().getObject("vocab"))["a"] = -1;
  EXPECT_THAT(error(), HasSubstr("token 'a' has no valid id"));
}

TEST_F(TokenizerJson, MissingModel) {
  object().erase("model");
  EXPECT_THAT(error(), HasSubstr("vocab and merges are needed"));
}

TEST_F(TokenizerJson, AddedTokenFlags) {
  json::Array &added = *object().getArray("added_tokens");
  (*added[0].getAsObject())["lstrip"] = true;
  EXPECT_THAT(error(), HasSubstr("added_tokens.lstrip: true is not supported"));
  added[0] = json::Object{{"id", 5}};
  EXPECT_THAT(error(), HasSubstr("added_tokens.content: missing"));
}

TEST(TokenizerFiles, Errors) {
  TemporaryDirectory directory;
  const auto error = [&] { return messageOf(readTokenizerFiles(directory.path())); };
  EXPECT_THAT(error(), HasSubstr("holds neither tokenizer.json nor vocab.json"));
  directory.write("vocab.json", R"({"a": 0})");
  EXPECT_THAT(error(), HasSubstr("merges.txt: No such file"));
  directory.write("merges.txt", "#version: 0.2\r\na b\r\n\r\nab\r\n");
  EXPECT_THAT(error(), HasSubstr("merges.txt: line 4 is not"));
  directory.write("merges.txt", "a b\n");
  EXPECT_THAT(error(), HasSubstr("tokenizer_config.json: No such file"));
  directory.write("tokenizer_config.json", R"({"added_tokens_decoder": {"x": {"content": "c"}}})");
  EXPECT_THAT(error(), HasSubstr("added_tokens_decoder.x.id: not a valid id"));
  directory.write("tokenizer_config.json", "{}");
  EXPECT_EQ(error(), "");
}

} // namespace
