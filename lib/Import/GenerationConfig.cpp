#include "qvl/Import/GenerationConfig.h"
#include "qvl/Import/JsonDocument.h"

using namespace qvl;
namespace json = llvm::json;

static void validate(const JsonFields &fields, const GenerationConfig &config) {
  if (config.temperature < 0 || config.temperature > 1e6)
    fields.report("temperature", "must lie in [0, 1e6]");
  if (config.topP <= 0 || config.topP > 1)
    fields.report("top_p", "must lie in (0, 1]");
  if (config.minP < 0 || config.minP > 1)
    fields.report("min_p", "must lie in [0, 1]");
  if (config.repetitionPenalty < 1e-6 || config.repetitionPenalty > 1e6)
    fields.report("repetition_penalty", "must lie in [1e-6, 1e6]");
  if (config.eosIds.empty())
    fields.report("eos_token_id", "missing, here and in config.json");
}

llvm::Expected<GenerationConfig> qvl::readGenerationConfig(llvm::StringRef directory,
                                                           const ModelConfig &model) {
  const std::string path = pathIn(directory, "generation_config.json");
  llvm::Expected<json::Object> root = readOptionalJsonObject(path);
  if (!root)
    return root.takeError();
  JsonProblems problems(path);
  const JsonFields fields(problems, "", {&*root});
  const IntegerRange ids = {0, model.text.vocabSize - 1};
  GenerationConfig config;
  config.doSample = fields.boolean("do_sample", config.doSample);
  config.temperature = fields.number("temperature", config.temperature);
  config.topK = fields.integer("top_k", {0, 1 << 24}, config.topK);
  config.topP = fields.number("top_p", config.topP);
  config.minP = fields.number("min_p", config.minP);
  config.repetitionPenalty = fields.number("repetition_penalty", config.repetitionPenalty);
  config.eosIds = fields.integers("eos_token_id", ids, model.ids.eos);
  config.padId = fields.integer("pad_token_id", ids, -1);
  validate(fields, config);
  if (llvm::Error error = problems.take())
    return std::move(error);
  return config;
}
