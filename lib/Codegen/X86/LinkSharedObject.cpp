#include "KernelLowering.h"

#include "lld/Common/Driver.h"
#include "mlir/IR/Diagnostics.h"
#include "llvm/ADT/ScopeExit.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"

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

/// A path in `directory`.
std::string pathOf(StringRef directory, const Twine &name) {
  llvm::SmallString<128> path(directory);
  llvm::sys::path::append(path, name);
  return path.str().str();
}

} // namespace

FailureOr<std::string> linkSharedObject(ArrayRef<std::string> objects, Location location) {
  llvm::SmallString<128> directory;
  if (std::error_code error = llvm::sys::fs::createUniqueDirectory("qvl-link", directory))
    return emitError(location) << "cannot create a temporary directory for the linker: "
                               << error.message();
  llvm::scope_exit remove([&] { llvm::sys::fs::remove_directories(directory); });
  std::vector<std::string> inputs;
  for (auto [number, object] : llvm::enumerate(objects)) {
    inputs.push_back(pathOf(directory, Twine(number) + ".o"));
    if (std::error_code error = writeFile(inputs.back(), object))
      return emitError(location) << "cannot write '" << inputs.back() << "': " << error.message();
  }
  std::string output = pathOf(directory, "kernels.so"), messages;
  if (!runLinker(inputs, output, messages))
    return emitError(location) << "cannot link kernels: " << messages;
  auto linked =
      llvm::MemoryBuffer::getFile(output, /*IsText=*/false, /*RequiresNullTerminator=*/false);
  if (!linked)
    return emitError(location) << "cannot read '" << output << "': " << linked.getError().message();
  return (*linked)->getBuffer().str();
}

} // namespace mlir::qvl
