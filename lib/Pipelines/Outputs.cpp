// The places that a compile writes to, before its work.

#include "Outputs.h"

#include "qvl/Artifact/AtomicFile.h"
#include "qvl/Import/Failure.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

namespace fs = llvm::sys::fs;

namespace qvl {

namespace {

/// Whether `path` is a file that a checkpoint consists of, by whatever name. Replacing it would
/// destroy what is compiled.
bool isCheckpointFile(llvm::StringRef path, llvm::StringRef directory) {
  std::error_code error;
  for (fs::directory_iterator it(directory, error), end; !error && it != end; it.increment(error)) {
    llvm::StringRef extension = llvm::sys::path::extension(it->path());
    if (llvm::is_contained({".json", ".safetensors", ".txt", ".jinja"}, extension) &&
        fs::equivalent(it->path(), path))
      return true;
  }
  return false;
}

llvm::Error checkOutput(const CompileOptions &options) {
  if (options.compileTo != Phase::Artifact && isStream(options.output))
    return llvm::Error::success();
  if (isCheckpointFile(options.output, options.checkpoint))
    return badInput(options.output, "is a file of the checkpoint; name another file");
  return AtomicFile::create(options.output).takeError();
}

llvm::Error prepareDirectory(llvm::StringRef directory) {
  if (directory.empty())
    return llvm::Error::success();
  if (std::error_code error = fs::create_directories(directory))
    return systemFailure(directory, "cannot create the directory", error);
  if (!fs::is_directory(directory))
    return badInput(directory, "is not a directory; name one");
  if (std::error_code error = fs::access(directory, fs::AccessMode::Write))
    return systemFailure(directory, "cannot write here", error);
  return llvm::Error::success();
}

} // namespace

bool isStream(llvm::StringRef path) {
  fs::file_status status;
  if (path == "-")
    return true;
  return !fs::status(path, status) && fs::exists(status) && !fs::is_directory(status) &&
         !fs::is_regular_file(status);
}

llvm::Error prepareOutputs(const CompileOptions &options) {
  if (llvm::Error error = checkOutput(options))
    return error;
  if (llvm::Error error = prepareDirectory(options.dumpPhasesTo))
    return error;
  return prepareDirectory(options.dumpKernelsTo);
}

} // namespace qvl
