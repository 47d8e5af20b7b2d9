// A whole compile, phase by phase.

#include "qvl/Pipelines/Compile.h"

#include "FusionSummary.h"
#include "PhaseDump.h"

#include "models/qwen2_5_vl/Model.h"
#include "qvl/Artifact/ArtifactWriter.h"
#include "qvl/Artifact/AtomicFile.h"
#include "qvl/Artifact/EncodeModule.h"
#include "qvl/Artifact/ModelFacts.h"
#include "qvl/Import/Failure.h"
#include "qvl/Import/ImportedModel.h"
#include "qvl/Pipelines/Pipelines.h"

#include "mlir/IR/MLIRContext.h"
#include "mlir/Pass/PassManager.h"

#include "llvm/Support/ThreadPool.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;

namespace qvl {

namespace {

/// One compile: the module as it goes through the phases.
class Compilation {
public:
  Compilation(const CompileOptions &options, const CompileProgress &progress)
      : options(options), progress(progress), dump(options.dumpPhasesTo, options.dumpPasses),
        threads(llvm::hardware_concurrency(options.threads)),
        context(MLIRContext::Threading::DISABLED) {
    DialectRegistry registry;
    registerDialects(registry);
    context.appendDialectRegistry(registry);
    context.loadAllAvailableDialects();
    context.setThreadPool(threads);
    if (options.fusionReport)
      summary.listen(context, {options.foldStillFrames});
  }

  llvm::Error run() {
    // An output that cannot be written is reported before the work, not after it.
    if (options.output != "-")
      if (llvm::Error error = AtomicFile::create(options.output).takeError())
        return error;
    if (llvm::Error error = importCheckpoint())
      return error;
    if (options.compileTo == Phase::Artifact)
      if (llvm::Error error = model->checkpoint.checkDataPresent())
        return error;
    for (Phase phase : {Phase::Fuse, Phase::Outline, Phase::Codegen}) {
      if (options.compileTo < phase)
        break;
      if (llvm::Error error = runPipeline(phase))
        return error;
    }
    if (options.fusionReport) // Beside MLIR on stdout it would be part of it.
      summary.print(options.output == "-" ? llvm::errs() : llvm::outs());
    if (options.compileTo != Phase::Artifact)
      return writeText(options.output, printModule(*module));
    progress(Phase::Artifact, 0, 0);
    return writeArtifactFile();
  }

private:
  llvm::Error importCheckpoint();
  llvm::Error runPipeline(Phase phase);
  llvm::Error writeArtifactFile();

  const CompileOptions &options;
  const CompileProgress &progress;
  PhaseDump dump;
  FusionSummary summary;
  llvm::DefaultThreadPool threads;
  MLIRContext context;
  OwningOpRef<ModuleOp> module;
  std::optional<ImportedModel> model;
};

llvm::Error Compilation::importCheckpoint() {
  progress(Phase::Import, 0, 0);
  std::vector<std::string> warnings;
  llvm::Expected<ImportedModel> imported = importModel(options.checkpoint, warnings);
  for (const std::string &warning : warnings)
    llvm::errs() << "warning: " << warning << "\n";
  if (!imported)
    return imported.takeError();
  model = std::move(*imported);
  int64_t longest = model->config.text.maxPositionEmbeddings;
  if (options.maxContext > longest)
    return badInput(options.checkpoint, "--max-context=" + llvm::Twine(options.maxContext) +
                                            " is above the model's maximum of " +
                                            llvm::Twine(longest) + " tokens");
  qwen2_5_vl::TraceOptions trace;
  trace.pageSize = options.pageSize;
  if (options.precision == Precision::BF16)
    trace.activations = DType::BF16;
  module = qwen2_5_vl::traceModel(context, model->config, model->checkpoint, trace);
  if (!module)
    return badInput(options.checkpoint, "the model could not be traced");
  return dump.phase(Phase::Import, *module);
}

llvm::Error Compilation::runPipeline(Phase phase) {
  progress(phase, 0, 0);
  PassManager pm(&context);
  pm.enableVerifier(true);
  if (phase == Phase::Fuse && options.fuse)
    buildFusePipeline(pm, {options.foldStillFrames});
  if (phase == Phase::Outline)
    buildOutlinePipeline(pm);
  if (phase == Phase::Codegen)
    buildCodegenPipeline(pm, {options.featureSets, options.dumpKernelsTo});
  dump.instrument(pm, phase);
  if (failed(pm.run(*module)))
    return llvm::createStringError("phase " + phaseName(phase) + " failed");
  return dump.phase(phase, *module);
}

/// The tensors of the checkpoint that a weight is made of.
static llvm::Expected<std::vector<TensorInfo>> findSources(const Checkpoint &checkpoint,
                                                           const DeclaredWeight &weight) {
  std::vector<TensorInfo> sources;
  for (const std::string &name : weight.sources) {
    const TensorInfo *info = checkpoint.find(canonicalTensorName(name));
    if (!info)
      return badInput(checkpoint.directory(),
                      "tensor '" + name + "' of weight '" + weight.name + "' is missing");
    sources.push_back(*info);
  }
  return sources;
}

llvm::Error Compilation::writeArtifactFile() {
  FactOptions facts;
  facts.maxContext = options.maxContext;
  facts.pageSize = options.pageSize;
  bool bf16 = options.precision == Precision::BF16;
  if (bf16)
    facts.kvElement = qvlfmt::ElementType::BF16;
  llvm::Expected<qvlfmt::ArtifactT> metadata = describeModel(*model, facts);
  if (!metadata)
    return metadata.takeError();
  FailureOr<qvlfmt::TargetT> target = encodeTarget(*module, "cpu", bf16 ? "bf16" : "f32");
  FailureOr<std::vector<DeclaredWeight>> weights = declaredWeights(*module);
  if (failed(target) || failed(weights))
    return llvm::createStringError("the compiled module could not be stored");
  ArtifactDescription description;
  description.metadata = std::move(*metadata);
  description.metadata.targets.push_back(std::make_unique<qvlfmt::TargetT>(std::move(*target)));
  for (DeclaredWeight &weight : *weights) {
    llvm::Expected<std::vector<TensorInfo>> sources = findSources(model->checkpoint, weight);
    if (!sources)
      return sources.takeError();
    description.weights.push_back({weight.name, Shape(ArrayRef(weight.shape)), weight.encoding,
                                   std::move(*sources), std::move(weight.recipe),
                                   weight.interleave});
  }
  ArtifactWriteOptions writing;
  writing.progress = [&](uint64_t done, uint64_t total) { progress(Phase::Artifact, done, total); };
  return writeArtifact(std::move(description), options.output, writing);
}

} // namespace

llvm::Error compile(const CompileOptions &options, const CompileProgress &progress) {
  return Compilation(options, progress).run();
}

} // namespace qvl
