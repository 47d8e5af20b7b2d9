#include "qvl/Import/ImportedModel.h"
#include "qvl/Import/Failure.h"
#include "qvl/Import/JsonDocument.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

using namespace qvl;

llvm::Error qvl::resolveSpecialIds(const TokenizerTables &tokenizer, llvm::StringRef file,
                                   SpecialIds &ids) {
  const std::pair<llvm::StringRef, int64_t *> markers[] = {
      {"<|im_start|>", nullptr}, // the chat template needs these two
      {"<|im_end|>", nullptr},
      {"<|vision_start|>", &ids.visionStart},
      {"<|vision_end|>", &ids.visionEnd},
      {"<|image_pad|>", &ids.image},
      {"<|video_pad|>", &ids.video},
  };
  for (const auto &[content, id] : markers) {
    const auto token = llvm::find_if(
        tokenizer.addedTokens, [&](const AddedToken &token) { return token.content == content; });
    if (token == tokenizer.addedTokens.end())
      return badInput(file, "the tokenizer has no added token " + content);
    if (!id)
      continue;
    if (*id >= 0 && *id != token->id)
      return badInput(file, content + " has id " + llvm::Twine(token->id) + ", config.json says " +
                                llvm::Twine(*id));
    *id = token->id;
  }
  return llvm::Error::success();
}

/// "/models/shapes-vl/" is called "shapes-vl".
static std::string modelName(llvm::StringRef directory) {
  llvm::SmallString<256> path(directory);
  llvm::sys::fs::make_absolute(path);
  llvm::sys::path::remove_dots(path, /*remove_dot_dot=*/true);
  return llvm::sys::path::filename(llvm::StringRef(path).rtrim('/')).str();
}

/// The parts besides the weights.
static llvm::Error readFacts(llvm::StringRef directory, std::vector<std::string> &warnings,
                             ImportedModel &model) {
  if (llvm::Error error =
          readProcessorConfig(directory, model.config.vision, warnings).moveInto(model.processor))
    return error;
  if (llvm::Error error = readGenerationConfig(directory, model.config).moveInto(model.generation))
    return error;
  if (llvm::Error error = readChatTemplate(directory, warnings).moveInto(model.chatTemplate))
    return error;
  TokenizerSource source;
  if (llvm::Error error = readTokenizerFiles(directory).moveInto(source))
    return error;
  const auto idLimit = static_cast<uint32_t>(model.config.text.vocabSize);
  if (llvm::Error error =
          buildTokenizerTables(source, directory, idLimit).moveInto(model.tokenizer))
    return error;
  return resolveSpecialIds(model.tokenizer, directory, model.config.ids);
}

llvm::Expected<ImportedModel> qvl::importModel(llvm::StringRef directory,
                                               std::vector<std::string> &warnings) {
  if (!llvm::sys::fs::is_directory(directory))
    return badInput(directory, "no such directory; name the directory of a checkpoint");
  if (!fileExists(pathIn(directory, "config.json")))
    return badInput(directory, "holds no config.json; name the directory of a checkpoint");
  ImportedModel model;
  model.name = modelName(directory);
  if (llvm::Error error = readModelConfig(directory).moveInto(model.config))
    return std::move(error);
  if (llvm::Error error = Checkpoint::open(directory).moveInto(model.checkpoint))
    return std::move(error);
  if (llvm::Error error = model.checkpoint.matches(model.config, warnings))
    return std::move(error);
  if (llvm::Error error = readFacts(directory, warnings, model))
    return std::move(error);
  return model;
}
