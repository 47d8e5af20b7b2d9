// The files of a tokenizer (the model specification, section 3.1).

#include "qvl/Import/Failure.h"
#include "qvl/Import/JsonDocument.h"
#include "qvl/Import/TokenizerTables.h"

using namespace qvl;
namespace json = llvm::json;

static constexpr uint64_t kMaxMergesBytes = 100'000'000;
static constexpr IntegerRange kIds = {0, 1 << 24};

/// The pre-tokenizer's regular expression, which the runtime implements by hand.
static constexpr llvm::StringLiteral kSplitPattern =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|)"
    R"(\s*[\r\n]+|\s+(?!\S)|\s+)";

//===----------------------------------------------------------------------===//
// Parts that both forms share
//===----------------------------------------------------------------------===//

static void parseVocabulary(const json::Object &vocabulary, JsonProblems &problems,
                            TokenizerSource &source) {
  for (const json::Object::value_type &entry : vocabulary) {
    const std::optional<int64_t> id = entry.second.getAsInteger();
    if (!id || *id < kIds.least || *id > kIds.most)
      return problems.add("token '" + entry.first.str() + "' has no valid id");
    source.vocabulary[entry.first] = static_cast<uint32_t>(*id);
  }
}

/// Splits "left right". Tokens in the byte map contain no blank.
static bool addMerge(llvm::StringRef line, TokenizerSource &source) {
  const auto [left, right] = line.split(' ');
  if (left.empty() || right.empty() || right.contains(' '))
    return false;
  source.merges.emplace_back(left.str(), right.str());
  return true;
}

static void addAddedToken(const JsonFields &fields, uint32_t id, TokenizerSource &source) {
  // These would move the borders of the match, which the runtime does not do.
  for (llvm::StringRef flag : {"lstrip", "rstrip", "single_word"})
    if (fields.boolean(flag, false))
      fields.report(flag, "true is not supported for added tokens");
  std::string content = fields.string("content", "");
  if (content.empty())
    fields.report("content", "missing");
  source.addedTokens.push_back({id, std::move(content), fields.boolean("special", false)});
}

//===----------------------------------------------------------------------===//
// tokenizer.json
//===----------------------------------------------------------------------===//

/// The runtime hard-codes the steps around BPE, so they must be the known ones.
static void requireKnownSteps(const JsonFields &top, JsonProblems &problems) {
  const JsonFields normalizer(problems, "normalizer.", {top.object("normalizer")});
  if (normalizer.string("type", "") != "NFC")
    normalizer.report("type", "only NFC is supported");
  const JsonFields splitter(problems, "pre_tokenizer.", {top.object("pre_tokenizer")});
  const json::Value *steps = splitter.find("pretokenizers");
  const json::Array *list = steps ? steps->getAsArray() : nullptr;
  const json::Object *split = list && list->size() == 2 ? (*list)[0].getAsObject() : nullptr;
  const json::Object *bytes = split ? (*list)[1].getAsObject() : nullptr;
  const json::Object *pattern = split ? split->getObject("pattern") : nullptr;
  const bool isKnown = pattern && pattern->getString("Regex") == kSplitPattern &&
                       split->getString("behavior") == "Isolated" &&
                       !split->getBoolean("invert").value_or(false) && bytes &&
                       bytes->getString("type") == "ByteLevel" &&
                       !bytes->getBoolean("add_prefix_space").value_or(true) &&
                       !bytes->getBoolean("use_regex").value_or(true);
  if (!isKnown)
    splitter.report("pretokenizers", "only the splitting of Qwen2 is supported");
  const JsonFields after(problems, "post_processor.", {top.object("post_processor")});
  if (after.string("type", "ByteLevel") != "ByteLevel")
    after.report("type", "only ByteLevel is supported");
}

static void requireKnownModel(const JsonFields &model) {
  if (model.string("type", "BPE") != "BPE")
    model.report("type", "only BPE is supported");
  for (llvm::StringRef key : {"continuing_subword_prefix", "end_of_word_suffix", "unk_token"})
    if (!model.string(key, "").empty())
      model.report(key, "is not supported");
  if (model.number("dropout", 0) != 0)
    model.report("dropout", "is not supported");
  for (llvm::StringRef key : {"byte_fallback", "ignore_merges"})
    if (model.boolean(key, false))
      model.report(key, "true is not supported");
}

/// Merges are strings "left right" or lists of two strings.
static void parseMerges(const json::Array &merges, const JsonFields &model,
                        TokenizerSource &source) {
  for (const json::Value &entry : merges) {
    const std::optional<llvm::StringRef> line = entry.getAsString();
    const json::Array *pair = entry.getAsArray();
    if (line && addMerge(*line, source))
      continue;
    if (!pair || pair->size() != 2 || !(*pair)[0].getAsString() || !(*pair)[1].getAsString())
      return model.report("merges", "entry " + llvm::Twine(source.merges.size()) +
                                        " is neither \"left right\" nor a pair");
    source.merges.emplace_back((*pair)[0].getAsString()->str(), (*pair)[1].getAsString()->str());
  }
}

static void parseModel(const JsonFields &model, JsonProblems &problems, TokenizerSource &source) {
  requireKnownModel(model);
  const json::Value *merges = model.find("merges");
  const json::Object *vocabulary = model.object("vocab");
  if (!vocabulary || !merges || !merges->getAsArray())
    return model.report("vocab", "vocab and merges are needed");
  parseVocabulary(*vocabulary, problems, source);
  parseMerges(*merges->getAsArray(), model, source);
}

llvm::Expected<TokenizerSource> qvl::parseTokenizerJson(llvm::StringRef json,
                                                        llvm::StringRef file) {
  llvm::Expected<json::Object> root = parseJsonObject(json, file);
  if (!root)
    return root.takeError();
  JsonProblems problems(file);
  TokenizerSource source;
  const JsonFields top(problems, "", {&*root});
  requireKnownSteps(top, problems);
  parseModel(JsonFields(problems, "model.", {top.object("model")}), problems, source);
  if (const json::Array *added = root->getArray("added_tokens"))
    for (const json::Value &entry : *added) {
      const JsonFields fields(problems, "added_tokens.", {entry.getAsObject()});
      addAddedToken(fields, static_cast<uint32_t>(fields.integer("id", kIds)), source);
    }
  if (llvm::Error error = problems.take())
    return std::move(error);
  return source;
}

//===----------------------------------------------------------------------===//
// vocab.json, merges.txt, tokenizer_config.json
//===----------------------------------------------------------------------===//

static llvm::Error readMerges(llvm::StringRef path, TokenizerSource &source) {
  llvm::Expected<std::string> text = readTextFile(path, kMaxMergesBytes);
  if (!text)
    return text.takeError();
  llvm::StringRef rest = *text;
  for (unsigned number = 1; !rest.empty(); ++number) {
    llvm::StringRef line;
    std::tie(line, rest) = rest.split('\n');
    line = line.rtrim('\r');
    if (line.empty() || (number == 1 && line.starts_with("#version")))
      continue;
    if (!addMerge(line, source))
      return badInput(path, "line " + llvm::Twine(number) + " is not \"left right\"");
  }
  return llvm::Error::success();
}

static llvm::Error readAddedTokens(llvm::StringRef path, TokenizerSource &source) {
  llvm::Expected<json::Object> root = readJsonObject(path);
  if (!root)
    return root.takeError();
  JsonProblems problems(path);
  const JsonFields top(problems, "", {&*root});
  if (const json::Object *added = top.object("added_tokens_decoder"))
    for (const json::Object::value_type &entry : *added) {
      const llvm::StringRef key = entry.first;
      const JsonFields fields(problems, ("added_tokens_decoder." + key + ".").str(),
                              {entry.second.getAsObject()});
      uint32_t id = 0;
      if (key.getAsInteger(10, id) || id > kIds.most)
        fields.report("id", "not a valid id");
      addAddedToken(fields, id, source);
    }
  return problems.take();
}

static llvm::Expected<TokenizerSource> readSeparateFiles(llvm::StringRef directory) {
  TokenizerSource source;
  const std::string path = pathIn(directory, "vocab.json");
  llvm::Expected<json::Object> vocabulary = readJsonObject(path);
  if (!vocabulary)
    return vocabulary.takeError();
  JsonProblems problems(path);
  parseVocabulary(*vocabulary, problems, source);
  if (llvm::Error error = problems.take())
    return std::move(error);
  if (llvm::Error error = readMerges(pathIn(directory, "merges.txt"), source))
    return std::move(error);
  if (llvm::Error error = readAddedTokens(pathIn(directory, "tokenizer_config.json"), source))
    return std::move(error);
  return source;
}

llvm::Expected<TokenizerSource> qvl::readTokenizerFiles(llvm::StringRef directory) {
  const std::string path = pathIn(directory, "tokenizer.json");
  if (fileExists(path)) {
    llvm::Expected<std::string> text = readTextFile(path, 200'000'000);
    if (!text)
      return text.takeError();
    return parseTokenizerJson(*text, path);
  }
  if (fileExists(pathIn(directory, "vocab.json")))
    return readSeparateFiles(directory);
  return badInput(directory, "holds neither tokenizer.json nor vocab.json with merges.txt");
}
