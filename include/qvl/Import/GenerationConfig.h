// generation_config.json: the defaults of decoding (the model specification, section 8.1).
#pragma once

#include "qvl/Import/ModelConfig.h"

#include <string>

namespace qvl {

/// The initial values are the reference library's defaults.
struct GenerationConfig {
  bool doSample = false;
  double temperature = 1; ///< 0 is greedy
  int64_t topK = 50;      ///< 0 is off
  double topP = 1;
  double minP = 0; ///< 0 is off
  double repetitionPenalty = 1;
  std::vector<int64_t> eosIds; ///< any of them ends a sequence
  int64_t padId = -1;
};

/// Reads the file when there is one. End ids that it does not name come from config.json; having
/// none at all is an error.
llvm::Expected<GenerationConfig> readGenerationConfig(llvm::StringRef directory,
                                                      const ModelConfig &model);

} // namespace qvl
