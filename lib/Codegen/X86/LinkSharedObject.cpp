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
bool runLinker(StringRef input, StringRef output, std::string &messages) {
  static std::mutex oneLinkAtATime;
  std::lock_guard lock(oneLinkAtATime);
  std::string in = input.str(), out = output.str();
  const char *arguments[] = {"ld.lld",           "-shared",    "--threads=1", "--build-id=none",
                             "--hash-style=gnu", "-Bsymbolic", "--strip-all", "-z",
                             "noexecstack",      "-z",         "relro",       "-o",
                             out.c_str(),        in.c_str()};
  llvm::raw_string_ostream log(messages);
  lld::Result result = lld::lldMain(arguments, log, log, {{lld::Gnu, &lld::elf::link}});
  return result.retCode == 0;
}

} // namespace

FailureOr<std::string> linkSharedObject(StringRef object, Location location) {
  llvm::SmallString<128> directory;
  if (std::error_code error = llvm::sys::fs::createUniqueDirectory("qvl-link", directory))
    return emitError(location) << "cannot create a temporary directory for the linker: "
                               << error.message();
  llvm::scope_exit remove([&] { llvm::sys::fs::remove_directories(directory); });
  llvm::SmallString<128> input(directory), output(directory);
  llvm::sys::path::append(input, "kernels.o");
  llvm::sys::path::append(output, "kernels.so");
  if (std::error_code error = writeFile(input, object))
    return emitError(location) << "cannot write '" << input << "': " << error.message();
  std::string messages;
  if (!runLinker(input, output, messages))
    return emitError(location) << "cannot link kernels: " << messages;
  auto linked =
      llvm::MemoryBuffer::getFile(output, /*IsText=*/false, /*RequiresNullTerminator=*/false);
  if (!linked)
    return emitError(location) << "cannot read '" << output << "': " << linked.getError().message();
  return (*linked)->getBuffer().str();
}

} // namespace mlir::qvl
