// A checkpoint ready for the interpreter: its facts, its processor and its traced functions.
#pragma once

#include "qvl/Import/ImportedModel.h"
#include "qvl/Reference/ModelRun.h"
#include "qvlfmt/artifact_generated.h"
#include "qvlrt/processor.h"

#include <memory>

namespace qvlref {

class ReferenceModel {
public:
  /// Reads the directory and traces the model. Warnings go to stderr.
  static llvm::Expected<std::unique_ptr<ReferenceModel>> open(llvm::StringRef directory);

  const ::qvl::ImportedModel &imported() const { return model; }
  const qvlrt::Processor &processor() const { return *requestProcessor; }
  /// The traced functions on an interpreter, with an empty cache.
  llvm::Expected<mlir::qvl::reference::ModelRun> start(mlir::qvl::reference::Precision precision,
                                                       mlir::qvl::reference::Probe probe);

private:
  explicit ReferenceModel(::qvl::ImportedModel model);
  llvm::Error describe();

  ::qvl::ImportedModel model;
  mlir::MLIRContext context;
  mlir::OwningOpRef<mlir::ModuleOp> module;
  flatbuffers::FlatBufferBuilder facts; ///< what an artifact of the model would hold
  std::optional<qvlrt::Processor> requestProcessor;
};

} // namespace qvlref
