// qvl-reference: runs qvl IR on the reference interpreter. See --help.

#include "Errors.h"
#include "GenerateCommand.h"
#include "RunCommand.h"

#include "qvlrt/exit_code.h"
#include "tools/LLVMProcessSetup.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/PrettyStackTrace.h"
#include "llvm/Support/raw_ostream.h"

namespace cl = llvm::cl;
using mlir::qvl::reference::Precision;

namespace qvlref {
namespace {

constexpr llvm::StringLiteral kOverview =
    "Runs qvl IR on the reference interpreter: the oracle of kernels and whole models.\n\n"
    "  qvl-reference generate models/shapes-vl --image=a.png --prompt=\"What is in the image?\"\n"
    "  qvl-reference run traced.mlir --function=vision --checkpoint=DIR --input=pixels=p.npy "
    "...\n\n"
    "Exit codes: 0 done; 1 bad input; 2 usage; 3 internal error; 4 the system failed; "
    "130 interrupted.\n";

void printVersion(llvm::raw_ostream &os) {
  os << "qvl-reference " QVL_VERSION ", LLVM " << LLVM_VERSION_STRING << "\n";
}

/// Command-line storage, built by main so that nothing runs before it.
struct CommandLine {
  cl::OptionCategory category{"qvl-reference options"};
  cl::SubCommand run{"run", "run one function of an MLIR file on tensors"};
  cl::SubCommand generate{"generate", "answer a request with a checkpoint, greedily"};

  // Both.
  cl::opt<Precision> precision{
      "precision",
      cl::desc("arithmetic of f32 values"),
      cl::values(clEnumValN(Precision::F64, "f64", "double precision"),
                 clEnumValN(Precision::F32, "f32", "every step rounds to f32 (default)")),
      cl::init(Precision::F32),
      cl::sub(run),
      cl::sub(generate),
      cl::cat(category)};
  cl::opt<std::string> output{
      "output",     cl::value_desc("DIR"), cl::desc("write the results there as .npy"),
      cl::sub(run), cl::sub(generate),     cl::cat(category)};
  cl::opt<std::string> probe{"probe",
                             cl::value_desc("DIR"),
                             cl::desc("write every op's result there, named by its location"),
                             cl::sub(run),
                             cl::sub(generate),
                             cl::cat(category)};

  // run
  cl::opt<std::string> module{cl::Positional, cl::desc("MODULE.mlir"), cl::Required, cl::sub(run),
                              cl::cat(category)};
  cl::opt<std::string> function{"function", cl::value_desc("NAME"),
                                cl::desc("the function (default: the only one)"), cl::sub(run),
                                cl::cat(category)};
  cl::opt<std::string> checkpoint{"checkpoint", cl::value_desc("DIR"),
                                  cl::desc("take parameters from this checkpoint"), cl::sub(run),
                                  cl::cat(category)};
  enum class Generated { None, AppendixA };
  cl::opt<Generated> generatedWeights{
      "generated-weights",
      cl::desc("take parameters from a generator"),
      cl::values(clEnumValN(Generated::AppendixA, "appendix-a",
                            "the miniature model of the model specification")),
      cl::init(Generated::None),
      cl::sub(run),
      cl::cat(category)};
  cl::list<std::string> inputs{"input", cl::value_desc("ARG=FILE.npy"),
                               cl::desc("value of an argument, by its name"), cl::sub(run),
                               cl::cat(category)};

  // generate
  cl::opt<std::string> directory{cl::Positional, cl::desc("CHECKPOINT_DIR"), cl::Required,
                                 cl::sub(generate), cl::cat(category)};
  cl::opt<std::string> messages{"messages", cl::value_desc("FILE.json"),
                                cl::desc("the conversation"), cl::sub(generate), cl::cat(category)};
  cl::opt<std::string> prompt{"prompt", cl::value_desc("TEXT"), cl::desc("the user's text"),
                              cl::sub(generate), cl::cat(category)};
  cl::opt<std::string> system{"system", cl::value_desc("TEXT"), cl::desc("the system message"),
                              cl::sub(generate), cl::cat(category)};
  cl::list<std::string> images{"image", cl::value_desc("PATH"), cl::desc("a picture"),
                               cl::sub(generate), cl::cat(category)};
  cl::opt<int64_t> maxNewTokens{
      "max-new-tokens", cl::value_desc("N"), cl::desc("most tokens of the answer (default 256)"),
      cl::init(256),    cl::sub(generate),   cl::cat(category)};
  cl::opt<double> repetitionPenalty{"repetition-penalty", cl::value_desc("X"),
                                    cl::desc("instead of the checkpoint's"), cl::sub(generate),
                                    cl::cat(category)};

  enum class Logits { Last, All };
  cl::opt<Logits> logits{
      "logits",
      cl::desc("rows of logits that --output writes"),
      cl::values(
          clEnumValN(Logits::Last, "last", "one for each new token (default)"),
          clEnumValN(Logits::All, "all", "every prompt position, then the further new tokens")),
      cl::init(Logits::Last),
      cl::sub(generate),
      cl::cat(category)};

  RunOptions runOptions() const;
  GenerateOptions generateOptions() const;
};

RunOptions CommandLine::runOptions() const {
  RunOptions options;
  options.module = module;
  options.function = function;
  options.checkpoint = checkpoint;
  options.generatedWeights = generatedWeights == Generated::AppendixA;
  options.inputs.assign(inputs.begin(), inputs.end());
  options.output = output;
  options.probe = probe;
  options.precision = precision;
  return options;
}

GenerateOptions CommandLine::generateOptions() const {
  GenerateOptions options;
  options.checkpoint = directory;
  options.messages = messages;
  options.prompt.prompt = prompt;
  if (system.getNumOccurrences())
    options.prompt.system = system;
  for (const std::string &path : images)
    options.prompt.media.push_back({qvlrt::MediaKind::Image, path});
  options.maxNewTokens = maxNewTokens;
  if (repetitionPenalty.getNumOccurrences())
    options.repetitionPenalty = repetitionPenalty;
  options.allLogits = logits == Logits::All;
  options.output = output;
  options.probe = probe;
  options.precision = precision;
  return options;
}

/// Why the options make no sense together; empty when they do.
std::string usageProblem(const CommandLine &line) {
  if (line.run) {
    if (!line.checkpoint.empty() && line.generatedWeights != CommandLine::Generated::None)
      return "--checkpoint and --generated-weights exclude each other";
    for (const std::string &input : line.inputs)
      if (input.find('=') == std::string::npos)
        return "--input needs ARG=FILE.npy, got '" + input + "'";
    return "";
  }
  if (!line.generate)
    return "name a command, 'run' or 'generate'; see --help";
  bool words =
      line.prompt.getNumOccurrences() || !line.images.empty() || line.system.getNumOccurrences();
  if (line.messages.empty() != words)
    return words ? "--messages excludes --prompt, --system and --image"
                 : "generate needs --messages or --prompt";
  if (line.maxNewTokens < 1)
    return "--max-new-tokens must be at least 1";
  if (line.repetitionPenalty.getNumOccurrences() && !(line.repetitionPenalty > 0))
    return "--repetition-penalty must be positive";
  return "";
}

int main(int argc, char **argv) {
  llvm::setBugReportMsg(
      "qvl-reference: internal error; please report it with the command line and this trace:\n");
  qvltool::occupyStandardDescriptors();
  llvm::InitLLVM init(argc, argv, /*InstallPipeSignalExitHandler=*/false);
  qvltool::setUpLLVMProcess("qvl-reference: error: ");
  cl::SetVersionPrinter(printVersion);
  CommandLine line;
  cl::HideUnrelatedOptions(line.category);
  cl::HideUnrelatedOptions(line.category, line.run);
  cl::HideUnrelatedOptions(line.category, line.generate);
  std::string errors;
  llvm::raw_string_ostream os(errors);
  const bool isParsed = cl::ParseCommandLineOptions(argc, argv, kOverview, &os);
  if (!isParsed && errors.empty()) // Options print what is wrong with them.
    return qvlrt::kExitUsage;
  std::string problem =
      isParsed ? usageProblem(line) : qvltool::firstParserLine(errors, "qvl-reference").str();
  if (!problem.empty()) {
    llvm::errs() << "qvl-reference: error: " << problem << "\n";
    return qvlrt::kExitUsage;
  }
  llvm::Error error =
      line.run ? runFunction(line.runOptions()) : generateAnswer(line.generateOptions());
  return error ? report(std::move(error)) : qvlrt::kExitDone;
}

} // namespace
} // namespace qvlref

int main(int argc, char **argv) { return qvlref::main(argc, argv); }
