#include "ReferenceModel.h"

#include "Errors.h"

#include "models/qwen2_5_vl/Model.h"
#include "qvl/Artifact/ModelFacts.h"
#include "qvl/Reference/CheckpointParameters.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir::qvl::reference;

namespace qvlref {

ReferenceModel::ReferenceModel(::qvl::ImportedModel model)
    : model(std::move(model)), context(mlir::MLIRContext::Threading::DISABLED) {
  context.printOpOnDiagnostic(false);
}

/// Builds the processor over the metadata that an artifact of this checkpoint would hold.
llvm::Error ReferenceModel::describe() {
  llvm::Expected<qvlfmt::ArtifactT> artifact = ::qvl::describeModel(model, {});
  if (!artifact)
    return artifact.takeError();
  facts.Finish(qvlfmt::Artifact::Pack(facts, &*artifact));
  const auto *packed = flatbuffers::GetRoot<qvlfmt::Artifact>(facts.GetBufferPointer());
  absl::StatusOr<qvlrt::Processor> created =
      qvlrt::Processor::create(*packed->model(), *packed->tokenizer());
  if (!created.ok())
    return fromStatus(created.status());
  requestProcessor.emplace(*std::move(created));
  return llvm::Error::success();
}

llvm::Expected<std::unique_ptr<ReferenceModel>> ReferenceModel::open(llvm::StringRef directory) {
  std::vector<std::string> warnings;
  llvm::Expected<::qvl::ImportedModel> imported = ::qvl::importModel(directory, warnings);
  for (const std::string &warning : warnings)
    llvm::errs() << "qvl-reference: warning: " << warning << "\n";
  if (!imported)
    return imported.takeError();
  std::unique_ptr<ReferenceModel> result(new ReferenceModel(std::move(*imported)));
  if (llvm::Error error = result->describe())
    return error;
  result->module = ::qvl::qwen2_5_vl::traceModel(result->context, result->model.config,
                                                 result->model.checkpoint, {});
  if (!result->module)
    return alreadyReported();
  return result;
}

llvm::Expected<ModelRun> ReferenceModel::start(Precision precision, Probe probe) {
  mlir::FailureOr<ModelRun> run = ModelRun::create(
      *module, Interpreter(precision, checkpointParameters(model.checkpoint), std::move(probe)));
  if (mlir::failed(run))
    return alreadyReported();
  return std::move(*run);
}

} // namespace qvlref
