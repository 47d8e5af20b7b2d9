#include "FileDescriptor.h"
#include "qvl/Import/Failure.h"

#include <cerrno>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace qvl;

static std::error_code lastError() { return {errno, std::generic_category()}; }

static llvm::Error cannotOpen(llvm::StringRef path) {
  const std::error_code error = lastError();
  if (error == std::errc::no_such_file_or_directory || error == std::errc::not_a_directory)
    return badInput(path, "file not found");
  return systemFailure(path, "cannot open", error);
}

llvm::Expected<int> qvl::openForReading(llvm::StringRef path) {
  // O_NONBLOCK: opening a pipe by that name must not wait for a writer.
  const int descriptor = ::open(path.str().c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor < 0)
    return cannotOpen(path);
  struct stat status;
  if (::fstat(descriptor, &status) == 0 && S_ISREG(status.st_mode))
    return descriptor;
  ::close(descriptor);
  return badInput(path, "not a regular file");
}

llvm::Expected<uint64_t> qvl::sizeOfFile(int descriptor, llvm::StringRef path) {
  struct stat status;
  if (::fstat(descriptor, &status) != 0)
    return systemFailure(path, "cannot read the size", lastError());
  return static_cast<uint64_t>(status.st_size);
}

llvm::Expected<uint64_t> qvl::readAt(int descriptor, llvm::StringRef path, uint64_t offset,
                                     llvm::MutableArrayRef<char> block) {
  uint64_t done = 0;
  while (done < block.size()) {
    const ssize_t count =
        ::pread(descriptor, block.data() + done, block.size() - done, offset + done);
    if (count < 0 && errno == EINTR)
      continue;
    if (count < 0)
      return systemFailure(path, "cannot read", lastError());
    if (count == 0)
      break;
    done += count;
  }
  return done;
}
