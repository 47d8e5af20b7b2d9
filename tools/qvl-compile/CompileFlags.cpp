// The command line of qvl-compile (contract C1).

#include "CompileFlags.h"

#include "qvl/Codegen/NVPTX.h"
#include "tools/LLVMProcessSetup.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/raw_ostream.h"

namespace cl = llvm::cl;

namespace qvl {

namespace {

constexpr llvm::StringLiteral kOverview =
    "Compiles a Qwen2.5-VL checkpoint directory into one .qvl file for qvl-run.\n\n"
    "  qvl-compile models/shapes-vl -o shapes-vl.qvl\n"
    "  qvl-compile DIR -o model.qvl --target=cpu:v3            one feature set only\n"
    "  qvl-compile DIR -o model.qvl --target=cpu,cuda:sm_80    for CPUs and NVIDIA GPUs\n"
    "  qvl-compile DIR -o traced.mlir --compile-to=import      the traced model, to read\n\n"
    "Exit codes: 0 done; 1 bad input; 2 usage; 3 internal error; 4 the system failed; 130 "
    "interrupted.\n";

/// The storage of the flags, made by the parser so that nothing is registered before main.
struct Flags {
  cl::OptionCategory category{"qvl-compile options"};
  cl::opt<std::string> checkpoint{cl::Positional, cl::desc("CHECKPOINT_DIR"), cl::cat(category)};
  cl::opt<std::string> output{"o", cl::value_desc("FILE"),
                              cl::desc("File to write (- for stdout before phase artifact)"),
                              cl::cat(category)};
  cl::opt<std::string> target{
      "target", cl::init("cpu"), cl::value_desc("LIST"),
      cl::desc("Targets: cpu (every feature set), cpu:v3 (AVX2), cpu:v4 (AVX-512), cpu:native; "
               "cuda:sm_80 (NVIDIA GPUs from Ampere on), cuda:sm_90a (Hopper)"),
      cl::cat(category)};
  cl::opt<std::string> precision{
      "precision", cl::value_desc("f32|bf16|TARGET=..."),
      cl::desc(
          "Activations and KV cache in memory (default cpu=f32,cuda=bf16); sums are f32 in any "
          "case"),
      cl::cat(category)};
  cl::opt<std::string> maxContext{
      "max-context", cl::value_desc("N"),
      cl::desc("Longest sequence in tokens (default: the model's maximum)"), cl::cat(category)};
  cl::opt<std::string> pageSize{"page-size", cl::init("128"), cl::value_desc("64|128"),
                                cl::desc("Tokens of one KV cache page"), cl::cat(category)};
  cl::opt<bool> noFuse{"no-fuse", cl::desc("Compile the traced ops as they are"),
                       cl::cat(category)};
  cl::opt<bool> foldStillFrames{
      "fold-still-frames",
      cl::desc("Add a vision program for pictures that reads one frame of each patch row"),
      cl::cat(category)};
  cl::opt<bool> fusionReport{"fusion-report",
                             cl::desc("Print what was fused where, and what was missed and why"),
                             cl::cat(category)};
  cl::opt<std::string> compileTo{
      "compile-to", cl::init("artifact"), cl::value_desc("PHASE"),
      cl::desc("Stop after a phase and write its MLIR: import, fuse, outline, codegen, artifact"),
      cl::cat(category)};
  cl::opt<std::string> dumpPhases{"dump-phases-to", cl::value_desc("DIR"),
                                  cl::desc("Write NN-PHASE.mlir after every phase"),
                                  cl::cat(category)};
  cl::opt<bool> dumpPasses{"dump-passes", cl::desc("With --dump-phases-to: also after every pass"),
                           cl::cat(category)};
  cl::opt<std::string> dumpKernels{"dump-kernels-to", cl::value_desc("DIR"),
                                   cl::desc("Write each kernel's .mlir, .ll and .s or .ptx"),
                                   cl::cat(category)};
  cl::opt<std::string> cubins{
      "cubins", cl::value_desc("LIST"),
      cl::desc("Add machine code for these GPUs (sm_80,sm_90,...), which spares its compilation "
               "at load; needs NVIDIA's ptxas and depends on its version"),
      cl::cat(category)};
  cl::opt<std::string> assembler{"ptxas", cl::init("ptxas"), cl::value_desc("FILE"),
                                 cl::desc("NVIDIA's assembler, for --cubins (default: of PATH)"),
                                 cl::cat(category)};
  cl::opt<std::string> threads{"threads", cl::value_desc("N"),
                               cl::desc("Threads (default: one per core)"), cl::cat(category)};
  cl::opt<std::string> progress{"progress", cl::init("auto"), cl::value_desc("auto|on|off"),
                                cl::desc("Progress on stderr (auto: on a terminal)"),
                                cl::cat(category)};
};

/// Takes the hundreds of flags that the LLVM libraries register out of the command line: they are
/// no part of this tool, and some of their names are ours (--threads).
void dropForeignFlags() {
  llvm::SmallVector<cl::Option *> foreign;
  for (const auto &entry : cl::getRegisteredOptions())
    if (!entry.first.starts_with("help") && entry.first != "version")
      foreign.push_back(entry.second);
  for (cl::Option *option : foreign)
    option->removeArgument();
}

int usageError(const llvm::Twine &message) {
  llvm::errs() << "qvl-compile: " << message << " (see qvl-compile --help)\n";
  return 2;
}

/// Refuses options whose empty text would pass for their absence.
std::optional<int> checkValues(const Flags &flags) {
  for (const cl::opt<std::string> *flag :
       {&flags.maxContext, &flags.pageSize, &flags.threads, &flags.dumpPhases, &flags.dumpKernels})
    if (flag->getNumOccurrences() > 0 && flag->empty())
      return usageError("--" + flag->ArgStr + " needs a value");
  return std::nullopt;
}

/// Reads a positive number; nothing for other text.
std::optional<int64_t> positive(llvm::StringRef text) {
  int64_t value;
  if (text.getAsInteger(10, value) || value <= 0)
    return std::nullopt;
  return value;
}

constexpr llvm::StringLiteral kTargets = "cpu, cpu:v3, cpu:v4, cpu:native, cuda:sm_80, cuda:sm_90a";

/// The target of one entry of the list, with its feature set; nothing when there is none.
std::optional<TargetOptions> parseTarget(llvm::StringRef text) {
  auto [name, featureSet] = text.split(':');
  std::optional<mlir::qvl::TargetKind> kind = mlir::qvl::targetKindNamed(name);
  if (!kind || (text.contains(':') && featureSet.empty()))
    return std::nullopt;
  TargetOptions target{*kind};
  if (*kind == mlir::qvl::TargetKind::Cuda) {
    target.precision = Precision::BF16;
    if (!featureSet.empty() && !mlir::qvl::NVPTXChip::named(featureSet))
      return std::nullopt;
  } else if (!llvm::is_contained({"", "v3", "v4", "native"}, featureSet)) {
    return std::nullopt;
  }
  if (!featureSet.empty())
    target.featureSets.push_back(featureSet.str());
  return target;
}

/// The targets that the list names, each kind with all its feature sets; a usage error otherwise.
/// A kind without one stands for its default ones, whatever else is named.
std::optional<int> parseTargets(llvm::StringRef list, std::vector<TargetOptions> &targets) {
  llvm::SmallVector<llvm::StringRef> entries;
  list.split(entries, ',');
  targets.clear();
  for (llvm::StringRef entry : entries) {
    std::optional<TargetOptions> target = parseTarget(entry);
    if (!target)
      return usageError("unknown target '" + entry + "'; targets are " + kTargets);
    auto known = llvm::find_if(
        targets, [&](const TargetOptions &other) { return other.kind == target->kind; });
    if (known == targets.end())
      targets.push_back(*target);
    else if (known->featureSets.empty() || target->featureSets.empty())
      known->featureSets.clear();
    else
      known->featureSets.push_back(target->featureSets.front());
  }
  return std::nullopt;
}

std::optional<Precision> parsePrecision(llvm::StringRef text) {
  if (text == "f32")
    return Precision::F32;
  if (text == "bf16")
    return Precision::BF16;
  return std::nullopt;
}

/// One precision for every target, or a list of TARGET=PRECISION.
std::optional<int> parsePrecisions(llvm::StringRef list, std::vector<TargetOptions> &targets) {
  llvm::SmallVector<llvm::StringRef> entries;
  list.split(entries, ',');
  for (llvm::StringRef entry : entries) {
    auto [name, ofTarget] = entry.contains('=') ? entry.split('=') : std::pair("", entry);
    std::optional<Precision> precision = parsePrecision(ofTarget);
    if (!precision)
      return usageError("unknown precision '" + ofTarget + "'; use f32 or bf16");
    bool isUsed = false;
    for (TargetOptions &target : targets)
      if (name.empty() || nameOf(target.kind) == name) {
        target.precision = *precision;
        isUsed = true;
      }
    if (!isUsed)
      return usageError("precision '" + entry + "' is for target '" + name +
                        "', which is not compiled; name it in --target");
  }
  return std::nullopt;
}

/// Whether a target makes PTX that runs on an architecture.
bool runsOn(const TargetOptions &target, llvm::StringRef architecture) {
  if (target.kind != mlir::qvl::TargetKind::Cuda)
    return false;
  const mlir::qvl::NVPTXChip &weakest = mlir::qvl::NVPTXChip::all().front();
  if (target.featureSets.empty())
    return mlir::qvl::runsOn(weakest, architecture);
  return llvm::any_of(target.featureSets, [&](llvm::StringRef chip) {
    return mlir::qvl::runsOn(*mlir::qvl::NVPTXChip::named(chip), architecture);
  });
}

/// The GPUs that get machine code beside PTX, and by which program.
std::optional<int> parseCubins(const Flags &flags, CompileOptions &options) {
  llvm::SmallVector<llvm::StringRef> names;
  if (flags.cubins.getNumOccurrences() > 0)
    llvm::StringRef(flags.cubins).split(names, ',');
  for (llvm::StringRef name : names) {
    if (llvm::is_contained(options.cubins, name))
      return usageError("--cubins names " + name + " twice");
    if (llvm::none_of(options.targets, [&](const auto &target) { return runsOn(target, name); }))
      return usageError("--cubins names '" + name + "', on which no code of --target runs");
    options.cubins.push_back(name.str());
  }
  options.assembler = flags.assembler;
  if (flags.assembler.getNumOccurrences() > 0 && names.empty())
    return usageError("--ptxas is for --cubins=LIST, which is missing");
  return std::nullopt;
}

/// What to compile, and to where.
std::optional<int> parseOutput(const Flags &flags, CompileOptions &options) {
  options.checkpoint = flags.checkpoint;
  options.output = flags.output;
  if (options.checkpoint.empty())
    return usageError("no CHECKPOINT_DIR given");
  if (options.output.empty())
    return usageError("no output given; add -o FILE.qvl");
  std::optional<Phase> phase = phaseNamed(flags.compileTo);
  if (!phase)
    return usageError("unknown phase '" + flags.compileTo +
                      "'; phases are import, fuse, outline, codegen, artifact");
  options.compileTo = *phase;
  if (*phase == Phase::Artifact && options.output == "-")
    return usageError("an artifact cannot be written to stdout; name a file");
  return std::nullopt;
}

std::optional<int> parseNumbers(const Flags &flags, CompileOptions &options) {
  int64_t threads = 0;
  for (auto [flag, number] :
       {std::pair(&flags.maxContext, &options.maxContext),
        std::pair(&flags.pageSize, &options.pageSize), std::pair(&flags.threads, &threads)}) {
    if (flag->empty())
      continue;
    std::optional<int64_t> value = positive(*flag);
    if (!value)
      return usageError("--" + flag->ArgStr + " needs a positive number, got '" + *flag + "'");
    *number = *value;
  }
  if (options.pageSize != 64 && options.pageSize != 128)
    return usageError("--page-size must be 64 or 128");
  if (threads > 4096)
    return usageError("--threads must be at most 4096");
  options.threads = threads;
  return std::nullopt;
}

/// What to fuse, and what to show of it and of the phases.
std::optional<int> parseReports(const Flags &flags, CompileOptions &options) {
  options.fuse = !flags.noFuse;
  options.foldStillFrames = flags.foldStillFrames;
  if (options.foldStillFrames && !options.fuse)
    return usageError("--fold-still-frames is part of phase fuse, which --no-fuse leaves out");
  options.fusionReport = flags.fusionReport;
  if (options.fusionReport && (!options.fuse || options.compileTo < Phase::Fuse))
    return usageError(
        "--fusion-report needs phase fuse, which --no-fuse and --compile-to=import leave out");
  options.dumpPhasesTo = flags.dumpPhases;
  options.dumpPasses = flags.dumpPasses;
  options.dumpKernelsTo = flags.dumpKernels;
  if (options.dumpPasses && options.dumpPhasesTo.empty())
    return usageError("--dump-passes needs --dump-phases-to=DIR");
  return std::nullopt;
}

std::optional<int> parseProgress(llvm::StringRef text, ProgressMode &mode) {
  if (text == "on")
    mode = ProgressMode::On;
  else if (text == "off")
    mode = ProgressMode::Off;
  else if (text != "auto")
    return usageError("--progress must be auto, on or off");
  return std::nullopt;
}

} // namespace

std::optional<int> parseCompileCommand(int argc, char **argv, CompileCommand &command) {
  dropForeignFlags();
  // Stays registered for good: the in-process linker resets all flags when it runs.
  static Flags flags;
  cl::HideUnrelatedOptions(flags.category);
  std::string errors;
  llvm::raw_string_ostream os(errors);
  if (!cl::ParseCommandLineOptions(argc, argv, kOverview, &os))
    return errors.empty() ? 2
                          : usageError(qvltool::firstParserLine(
                                errors, "qvl-compile")); // Or options printed what is wrong.
  CompileOptions &options = command.options;
  if (std::optional<int> code = checkValues(flags))
    return code;
  if (std::optional<int> code = parseOutput(flags, options))
    return code;
  if (std::optional<int> code = parseTargets(flags.target, options.targets))
    return code;
  if (std::optional<int> code = parseCubins(flags, options))
    return code;
  if (flags.precision.getNumOccurrences() > 0)
    if (std::optional<int> code = parsePrecisions(flags.precision, options.targets))
      return code;
  if (options.compileTo != Phase::Artifact && options.targets.size() > 1)
    return usageError("--compile-to writes the module of one target; name one in --target");
  if (std::optional<int> code = parseNumbers(flags, options))
    return code;
  if (std::optional<int> code = parseReports(flags, options))
    return code;
  return parseProgress(flags.progress, command.progress);
}

} // namespace qvl
