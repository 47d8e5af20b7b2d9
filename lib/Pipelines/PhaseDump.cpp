// Writes the IR between phases, and after passes, for readers.

#include "PhaseDump.h"

#include "Outputs.h"

#include "qvl/Artifact/AtomicFile.h"
#include "qvl/Import/Failure.h"

#include "mlir/Pass/PassInstrumentation.h"

#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;

namespace qvl {

std::string printModule(ModuleOp module) {
  std::string text;
  llvm::raw_string_ostream os(text);
  module.print(os, OpPrintingFlags().enableDebugInfo(true, /*prettyForm=*/false));
  os << "\n";
  return text;
}

llvm::Error writeText(llvm::StringRef path, llvm::StringRef text) {
  if (path == "-") { // Who owns standard output finds out whether all arrived.
    llvm::outs() << text;
    llvm::outs().flush();
    return llvm::Error::success();
  }
  if (isStream(path)) {
    std::error_code error;
    llvm::raw_fd_ostream stream(path, error);
    stream << text;
    stream.flush();
    if (!error)
      error = stream.error();
    stream.clear_error();
    return error ? systemFailure(path, "cannot write", error) : llvm::Error::success();
  }
  llvm::Expected<std::unique_ptr<AtomicFile>> file = AtomicFile::create(path);
  if (!file)
    return file.takeError();
  if (llvm::Error error = (*file)->writeAt(0, llvm::ArrayRef(text.data(), text.size())))
    return error;
  return (*file)->commit();
}

/// "02-outline", "02-outline.cuda"
static std::string phaseStem(Phase phase, llvm::StringRef variant) {
  return llvm::formatv("{0:02}-{1}{2}{3}", static_cast<int>(phase), phaseName(phase),
                       variant.empty() ? "" : ".", variant)
      .str();
}

llvm::Error PhaseDump::phase(Phase phase, llvm::StringRef variant, ModuleOp module) {
  if (directory.empty())
    return llvm::Error::success();
  llvm::SmallString<128> path(directory);
  llvm::sys::path::append(path, phaseStem(phase, variant) + ".mlir");
  return writeText(path, printModule(module));
}

namespace {

/// Writes the module after each pass. Failures to write are ignored here: the phase's own file
/// reports them.
class PassDump : public PassInstrumentation {
public:
  PassDump(std::string prefix) : prefix(std::move(prefix)) {}

  void runAfterPass(Pass *pass, Operation *op) override {
    auto module = dyn_cast<ModuleOp>(op);
    if (!module || pass->getArgument().empty())
      return;
    std::string path = llvm::formatv("{0}.{1:02}-{2}.mlir", prefix, ++number, pass->getArgument());
    llvm::consumeError(writeText(path, printModule(module)));
  }

private:
  std::string prefix;
  unsigned number = 0;
};

} // namespace

void PhaseDump::instrument(PassManager &pm, Phase phase, llvm::StringRef variant) {
  if (directory.empty() || !passes)
    return;
  llvm::SmallString<128> prefix(directory);
  llvm::sys::path::append(prefix, phaseStem(phase, variant));
  pm.addInstrumentation(std::make_unique<PassDump>(std::string(prefix)));
}

} // namespace qvl
