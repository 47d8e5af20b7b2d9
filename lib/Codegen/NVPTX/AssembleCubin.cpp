#include "qvl/Codegen/NVPTX.h"

#include "mlir/IR/Diagnostics.h"
#include "llvm/ADT/ScopeExit.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Program.h"
#include "llvm/Support/raw_ostream.h"

namespace mlir::qvl {
namespace {

/// The number of "sm_90" or "sm_90a"; nothing for what has another form.
std::optional<unsigned> numberOf(StringRef architecture) {
  unsigned number;
  StringRef digits = architecture;
  digits.consume_back("a");
  if (!digits.consume_front("sm_") || digits.getAsInteger(10, number))
    return std::nullopt;
  return number;
}

/// An empty file that is removed at the end.
class TemporaryFile {
public:
  explicit TemporaryFile(StringRef suffix) {
    if (llvm::sys::fs::createTemporaryFile("qvl-cubin", suffix, name))
      name.clear();
  }
  ~TemporaryFile() {
    if (!name.empty())
      llvm::sys::fs::remove(name);
  }
  StringRef path() const { return name; } // empty when there is none

private:
  SmallString<128> name;
};

std::string contentOf(StringRef path) {
  auto buffer = llvm::MemoryBuffer::getFile(path);
  return buffer ? (*buffer)->getBuffer().str() : std::string();
}

bool write(StringRef path, StringRef text) {
  std::error_code error;
  llvm::raw_fd_ostream out(path, error);
  out << text;
  out.close();
  return !error && !out.has_error();
}

} // namespace

bool runsOn(const NVPTXChip &chip, StringRef architecture) {
  if (chip.name.ends_with("a") || !numberOf(architecture))
    return chip.name == architecture;
  return *numberOf(chip.name) <= *numberOf(architecture);
}

FailureOr<std::string> assembleCubin(StringRef ptx, StringRef architecture, StringRef assembler,
                                     Location location) {
  llvm::ErrorOr<std::string> program = llvm::sys::findProgramByName(assembler);
  if (!program || !llvm::sys::fs::can_execute(*program))
    return emitError(location) << "there is no assembler '" << assembler << "' for cubins";
  TemporaryFile text("ptx"), code("cubin"), report("log");
  if (code.path().empty() || report.path().empty() || !write(text.path(), ptx))
    return emitError(location) << "no temporary files for the assembler";
  std::string option = ("-arch=" + architecture).str();
  StringRef arguments[] = {*program, option, "-o", code.path(), text.path()};
  std::optional<StringRef> redirects[] = {StringRef(), report.path(), report.path()};
  std::string problem;
  int status = llvm::sys::ExecuteAndWait(*program, arguments, std::nullopt, redirects,
                                         /*SecondsToWait=*/0, /*MemoryLimit=*/0, &problem);
  std::string cubin = status == 0 ? contentOf(code.path()) : std::string();
  if (!cubin.empty())
    return cubin;
  std::string said = problem + contentOf(report.path());
  return emitError(location) << *program << " makes no code for " << architecture << ": "
                             << StringRef(said).trim();
}

} // namespace mlir::qvl
