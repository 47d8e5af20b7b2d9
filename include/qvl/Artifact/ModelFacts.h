// From an imported checkpoint to the model facts and the tokenizer of an artifact.
#pragma once

#include "qvl/Import/ImportedModel.h"
#include "qvlfmt/artifact_generated.h"

namespace qvl {

/// Choices of a compile that the facts record.
struct FactOptions {
  int64_t maxContext = 0; ///< tokens of one sequence; 0 is the model's maximum
  int64_t pageSize = 128; ///< tokens of one KV page: 64 or 128
  qvlfmt::ElementType kvElement = qvlfmt::ElementType::F32;
  std::string producer = "qvl-compile";
};

/// Metadata with producer, model and tokenizer; targets are left empty. Errors: a context above the
/// model's maximum, an unsupported page size.
llvm::Expected<qvlfmt::ArtifactT> describeModel(const ImportedModel &model,
                                                const FactOptions &options);

} // namespace qvl
