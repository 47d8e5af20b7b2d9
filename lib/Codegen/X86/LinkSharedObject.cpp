#include "KernelLowering.h"

#include "lld/Common/Driver.h"
#include "qvl/Codegen/SystemFailure.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Signals.h"

#include <mutex>

LLD_HAS_DRIVER(elf)

namespace mlir::qvl {
namespace {

std::error_code writeFile(StringRef path, StringRef contents) {
  std::error_code error;
  llvm::raw_fd_ostream stream(path, error);
  if (error)
    return error;
  stream << contents;
  stream.close();
  error = stream.error();
  stream.clear_error();
  return error;
}

/// Runs lld, which keeps its state in globals: one link at a time.
bool runLinker(ArrayRef<std::string> inputs, const std::string &output, std::string &messages) {
  static std::mutex oneLinkAtATime;
  std::lock_guard lock(oneLinkAtATime);
  SmallVector<const char *> arguments{
      "ld.lld",     "-shared",     "--threads=1", "--build-id=none", "--hash-style=gnu",
      "-Bsymbolic", "--strip-all", "-z",          "noexecstack",     "-z",
      "relro",      "-o",          output.c_str()};
  for (const std::string &input : inputs)
    arguments.push_back(input.c_str());
  llvm::raw_string_ostream log(messages);
  lld::Result result = lld::lldMain(arguments, log, log, {{lld::Gnu, &lld::elf::link}});
  return result.retCode == 0;
}

/// Files of the system's temporary directory; gone with this object, and when a signal ends the
/// program.
class TemporaryFiles {
public:
  explicit TemporaryFiles(Location location) : location(location) {}
  ~TemporaryFiles() {
    for (const std::string &path : paths) {
      llvm::sys::fs::remove(path);
      llvm::sys::DontRemoveFileOnSignal(path);
    }
  }

  /// An empty file; its name lives as long as this object.
  FailureOr<std::string> create(StringRef extension) {
    llvm::SmallString<128> path;
    std::error_code error = llvm::sys::fs::createTemporaryFile("qvl-link", extension, path);
    if (error)
      return emitSystemFailure(location, DiagnosticSeverity::Error, path,
                               "cannot create a file for the linker; set TMPDIR", error);
    llvm::sys::RemoveFileOnSignal(path);
    return paths.emplace_back(path);
  }

private:
  Location location;
  std::vector<std::string> paths;
};

} // namespace

FailureOr<std::string> linkSharedObject(ArrayRef<std::string> objects, Location location) {
  TemporaryFiles files(location);
  std::vector<std::string> inputs;
  for (const std::string &object : objects) {
    FailureOr<std::string> input = files.create("o");
    if (failed(input))
      return failure();
    inputs.push_back(*input);
    if (std::error_code error = writeFile(*input, object))
      return emitSystemFailure(location, DiagnosticSeverity::Error, *input,
                               "cannot write for the linker; set TMPDIR", error);
  }
  FailureOr<std::string> output = files.create("so");
  if (failed(output))
    return failure();
  std::string messages;
  if (!runLinker(inputs, *output, messages))
    return emitError(location) << "cannot link kernels: " << messages;
  auto linked =
      llvm::MemoryBuffer::getFile(*output, /*IsText=*/false, /*RequiresNullTerminator=*/false);
  if (!linked)
    return emitSystemFailure(location, DiagnosticSeverity::Error, *output, "cannot read",
                             linked.getError());
  return (*linked)->getBuffer().str();
}

} // namespace mlir::qvl
