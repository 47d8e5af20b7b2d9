// A whole compile, phase by phase.

#include "qvl/Pipelines/Compile.h"

#include "FusionSummary.h"
#include "Outputs.h"
#include "PhaseDump.h"

#include "models/qwen2_5_vl/Model.h"
#include "qvl/Artifact/ArtifactWriter.h"
#include "qvl/Artifact/EncodeModule.h"
#include "qvl/Artifact/ModelFacts.h"
#include "qvl/Codegen/SystemFailure.h"
#include "qvl/Import/Failure.h"
#include "qvl/Import/ImportedModel.h"
#include "qvl/Pipelines/Pipelines.h"

#include "mlir/IR/MLIRContext.h"
#include "mlir/Pass/PassManager.h"

#include "llvm/Config/llvm-config.h"
#include "llvm/Support/ThreadPool.h"
#include "llvm/Support/raw_ostream.h"

#include <map>

using namespace mlir;

namespace qvl {

namespace {

llvm::StringRef nameOf(Precision precision) {
  return precision == Precision::BF16 ? "bf16" : "f32";
}

/// What passes report about the system: the linker's files, and kernels that could not be dumped.
/// Who asked for these is not served by an artifact without them.
class SystemFailures {
public:
  explicit SystemFailures(MLIRContext &context)
      : handler(&context, [this](Diagnostic &diagnostic) {
          if (!mlir::qvl::isSystemFailure(diagnostic))
            return failure();
          if (first.empty())
            first = diagnostic.str();
          return success();
        }) {}

  llvm::Error takeError() const {
    if (first.empty())
      return llvm::Error::success();
    return llvm::make_error<Failure>(FailureKind::System, first);
  }

private:
  std::string first;
  ScopedDiagnosticHandler handler;
};

/// One compile: the modules as they go through the phases. Until phase fuse there is one for each
/// precision, then one for each target.
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
    if (llvm::Error error = prepareOutputs(options))
      return error;
    if (llvm::Error error = importCheckpoint())
      return error;
    if (options.compileTo == Phase::Artifact)
      if (llvm::Error error = model->checkpoint.checkDataPresent())
        return error;
    for (const TargetOptions &target : options.targets)
      if (llvm::Error error = compileTarget(target))
        return error;
    if (options.fusionReport) // Beside MLIR on stdout it would be part of it.
      summary.print(options.output == "-" ? llvm::errs() : llvm::outs());
    if (options.compileTo != Phase::Artifact)
      return writeText(options.output, printModule(*modules.front()));
    progress(Phase::Artifact, 0, 0);
    return writeArtifactFile();
  }

private:
  llvm::Error importCheckpoint();
  int64_t longestContext() const {
    return options.maxContext == 0 ? model->config.text.maxPositionEmbeddings : options.maxContext;
  }
  llvm::Error compileTarget(const TargetOptions &target);
  llvm::Error fuse(Precision precision);
  llvm::Error runPipeline(Phase phase, ModuleOp module, const TargetOptions &target,
                          llvm::StringRef variant);
  llvm::Expected<std::vector<std::unique_ptr<qvlfmt::TargetT>>>
  encodeTargets(const WeightTable &weights);
  llvm::Error writeArtifactFile();

  /// The part of a dump's name that tells modules of targets or of precisions apart.
  template <typename Name> llvm::StringRef variantOf(Name TargetOptions::*member, Name value) {
    bool areEqual = llvm::all_of(options.targets, [&](const TargetOptions &target) {
      return target.*member == options.targets.front().*member;
    });
    return areEqual ? llvm::StringRef() : nameOf(value);
  }

  const CompileOptions &options;
  const CompileProgress &progress;
  PhaseDump dump;
  FusionSummary summary;
  llvm::DefaultThreadPool threads;
  MLIRContext context;
  std::map<Precision, OwningOpRef<ModuleOp>> fused;
  std::vector<OwningOpRef<ModuleOp>> modules; // of options.targets
  std::optional<ImportedModel> model;
};

llvm::Error Compilation::importCheckpoint() {
  progress(Phase::Import, 0, 0);
  std::vector<std::string> warnings;
  llvm::Expected<ImportedModel> imported = importModel(options.checkpoint, warnings);
  progress(Phase::Import, 1, 1);
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
  return llvm::Error::success();
}

/// Traces and fuses the model for a precision, once.
llvm::Error Compilation::fuse(Precision precision) {
  if (fused.contains(precision))
    return llvm::Error::success();
  qwen2_5_vl::TraceOptions trace;
  trace.pageSize = options.pageSize;
  if (precision == Precision::BF16)
    trace.activations = DType::BF16;
  OwningOpRef<ModuleOp> &module = fused[precision];
  module = qwen2_5_vl::traceModel(context, model->config, model->checkpoint, trace);
  if (!module)
    return badInput(options.checkpoint, "the model could not be traced");
  llvm::StringRef variant = variantOf(&TargetOptions::precision, precision);
  if (llvm::Error error = dump.phase(Phase::Import, variant, *module))
    return error;
  if (options.compileTo < Phase::Fuse)
    return llvm::Error::success();
  llvm::Error error = runPipeline(Phase::Fuse, *module, options.targets.front(), variant);
  summary.stop(); // Another precision would be reported twice.
  return error;
}

llvm::Error Compilation::compileTarget(const TargetOptions &target) {
  if (llvm::Error error = fuse(target.precision))
    return error;
  modules.emplace_back(fused[target.precision]->clone());
  for (Phase phase : {Phase::Outline, Phase::Codegen}) {
    if (options.compileTo < phase)
      break;
    if (llvm::Error error = runPipeline(phase, *modules.back(), target,
                                        variantOf(&TargetOptions::kind, target.kind)))
      return error;
  }
  return llvm::Error::success();
}

llvm::Error Compilation::runPipeline(Phase phase, ModuleOp module, const TargetOptions &target,
                                     llvm::StringRef variant) {
  progress(phase, 0, 0);
  PassManager pm(&context);
  pm.enableVerifier(true);
  if (phase == Phase::Fuse && options.fuse)
    buildFusePipeline(pm, {options.foldStillFrames});
  if (phase == Phase::Outline)
    buildOutlinePipeline(pm, {target.kind, longestContext()});
  if (phase == Phase::Codegen)
    buildCodegenPipeline(pm, {.target = target.kind,
                              .featureSets = target.featureSets,
                              .cubins = options.cubins,
                              .assembler = options.assembler,
                              .dumpDirectory = options.dumpKernelsTo});
  dump.instrument(pm, phase, variant);
  SystemFailures failures(context);
  LogicalResult result = pm.run(module);
  progress(phase, 1, 1);
  if (llvm::Error error = failures.takeError())
    return error;
  if (failed(result)) {
    if (phase == Phase::Codegen && target.kind == mlir::qvl::TargetKind::Cuda &&
        !options.cubins.empty())
      return badInput(options.assembler, "the machine code for --cubins could not be made");
    return llvm::createStringError("phase " + phaseName(phase) + " failed");
  }
  return dump.phase(phase, variant, module);
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

static qvlfmt::ElementType kvElement(Precision precision) {
  return precision == Precision::BF16 ? qvlfmt::ElementType::BF16 : qvlfmt::ElementType::F32;
}

llvm::Expected<std::vector<std::unique_ptr<qvlfmt::TargetT>>>
Compilation::encodeTargets(const WeightTable &weights) {
  std::vector<std::unique_ptr<qvlfmt::TargetT>> targets;
  for (auto [target, module] : llvm::zip(options.targets, modules)) {
    TargetDescription description{nameOf(target.kind), nameOf(target.precision),
                                  kvElement(target.precision)};
    FailureOr<qvlfmt::TargetT> encoded = encodeTarget(*module, description, weights);
    if (failed(encoded))
      return llvm::createStringError("the compiled module could not be stored");
    targets.push_back(std::make_unique<qvlfmt::TargetT>(std::move(*encoded)));
  }
  return targets;
}

llvm::Error Compilation::writeArtifactFile() {
  FactOptions facts;
  facts.maxContext = options.maxContext;
  facts.pageSize = options.pageSize;
  facts.kvElement = kvElement(options.targets.front().precision);
  facts.producer = "qvl-compile " QVL_VERSION " with LLVM " LLVM_VERSION_STRING;
  llvm::Expected<qvlfmt::ArtifactT> metadata = describeModel(*model, facts);
  if (!metadata)
    return metadata.takeError();
  WeightTable table;
  for (OwningOpRef<ModuleOp> &module : modules)
    if (failed(table.add(*module)))
      return llvm::createStringError("the targets do not share their weights");
  FailureOr<std::vector<DeclaredWeight>> weights = table.declared();
  if (failed(weights))
    return llvm::createStringError("the compiled module could not be stored");
  ArtifactDescription description;
  description.metadata = std::move(*metadata);
  if (llvm::Error error = encodeTargets(table).moveInto(description.metadata.targets))
    return error;
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
