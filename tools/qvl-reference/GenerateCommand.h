// `qvl-reference generate`: a checkpoint's answer on the reference interpreter.
#pragma once

#include "qvl/Reference/Interpreter.h"
#include "qvlrt/messages.h"
#include "llvm/Support/Error.h"

#include <optional>
#include <string>

namespace qvlref {

struct GenerateOptions {
  std::string checkpoint;        ///< directory
  std::string messages;          ///< file; empty: `prompt`
  qvlrt::PromptArguments prompt; ///< what the command line says instead
  int64_t maxNewTokens = 256;
  std::optional<double> repetitionPenalty; ///< instead of the checkpoint's
  bool allLogits = false;                  ///< of every prompt position, not of the last one only
  std::string output;                      ///< folder for features, logits and ids, or empty
  std::string probe;                       ///< folder, or empty
  mlir::qvl::reference::Precision precision = mlir::qvl::reference::Precision::F32;
};

/// Traces the checkpoint, runs the request greedily and prints one JSON object: text, ids,
/// finish_reason, prompt_tokens.
llvm::Error generateAnswer(const GenerateOptions &options);

} // namespace qvlref
