// qvl-compile: a checkpoint directory to one .qvl file. See --help.

#include "CompileFlags.h"

#include "qvl/Import/Failure.h"
#include "qvlfmt/Version.h"
#include "tools/LLVMProcessSetup.h"

#include "llvm/Support/CommandLine.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/Process.h"
#include "llvm/Support/raw_ostream.h"

#include <algorithm>
#include <csignal>

using namespace qvl;

static void printVersion(llvm::raw_ostream &os) {
  os << "qvl-compile " QVL_VERSION ", artifact format " << qvlfmt::kVersionMajor << "."
     << qvlfmt::kVersionMinor << ", LLVM " << LLVM_VERSION_STRING << "\n";
}

static bool isWanted(ProgressMode mode) {
  return mode == ProgressMode::On ||
         (mode == ProgressMode::Auto && llvm::sys::Process::StandardErrIsDisplayed());
}

/// A line that is rewritten in place, and gone when a phase is done; an error begins with its end.
static CompileProgress makeProgress(ProgressMode mode) {
  if (!isWanted(mode))
    return [](Phase, uint64_t, uint64_t) {};
  qvltool::errorPrefix = "\r\033[Kqvl-compile: ";
  return [](Phase phase, uint64_t done, uint64_t total) {
    std::string line = llvm::formatv("\r\033[K{0}: {1}", phaseName(phase), phaseDescription(phase));
    if (total)
      line += llvm::formatv(" {0}%", done * 100 / total);
    llvm::errs() << line;
    if (total && done == total)
      llvm::errs() << "\r\033[K";
  };
}

static int exitCode(FailureKind kind) {
  switch (kind) {
  case FailureKind::BadInput:
    return 1;
  case FailureKind::System:
    return 4;
  case FailureKind::Internal:
    return 3;
  }
  return 3;
}

int main(int argc, char **argv) {
  llvm::setBugReportMsg(
      "qvl-compile: internal error; please report it with the command line and this trace:\n");
  qvltool::occupyStandardDescriptors();
  // A reader that closes the pipe ends this program as it ends others.
  llvm::InitLLVM init(argc, argv, /*InstallPipeSignalExitHandler=*/false);
  qvltool::setUpLLVMProcess("qvl-compile: ");
  // Past a file size limit a write then fails with an error that is reported, instead of ending the
  // program.
  std::signal(SIGXFSZ, SIG_IGN);
  llvm::cl::SetVersionPrinter(printVersion);
  CompileCommand command;
  if (std::optional<int> code = parseCompileCommand(argc, argv, command))
    return *code;
  llvm::Error error = compile(command.options, makeProgress(command.progress));
  if (!error)
    return 0;
  int code = error.isA<Failure>() ? exitCode(failureKind(error)) : 3;
  std::string message = llvm::toString(std::move(error));
  // Names of files may hold line breaks, but an error is one line.
  std::replace_if(
      message.begin(), message.end(), [](unsigned char c) { return c < 0x20 || c == 0x7F; }, ' ');
  llvm::errs() << qvltool::errorPrefix << (code == 3 ? "internal error, please report it: " : "")
               << message << "\n";
  return code;
}
