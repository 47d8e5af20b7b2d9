// Everything that a checkpoint directory says about its model. No weight is read.
#pragma once

#include "qvl/Import/ChatTemplate.h"
#include "qvl/Import/Checkpoint.h"
#include "qvl/Import/GenerationConfig.h"
#include "qvl/Import/ModelConfig.h"
#include "qvl/Import/ProcessorConfig.h"
#include "qvl/Import/TokenizerTables.h"

namespace qvl {

/// A checkpoint that passed every check that needs no weights.
struct ImportedModel {
  std::string name; ///< base name of the directory
  ModelConfig config;
  Checkpoint checkpoint;
  ProcessorConfig processor;
  GenerationConfig generation;
  TokenizerTables tokenizer;
  std::string chatTemplate; ///< id of a template that the runtime knows
};

/// Reads and verifies a checkpoint directory. `warnings` receives lines that the user should see.
/// Errors: one line of kind BadInput or System.
llvm::Expected<ImportedModel> importModel(llvm::StringRef directory,
                                          std::vector<std::string> &warnings);

/// Takes ids that config.json does not name from the tokenizer and checks the others against it.
llvm::Error resolveSpecialIds(const TokenizerTables &tokenizer, llvm::StringRef file,
                              SpecialIds &ids);

} // namespace qvl
