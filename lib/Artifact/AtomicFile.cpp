#include "qvl/Artifact/AtomicFile.h"
#include "qvl/Import/Failure.h"

#include "llvm/ADT/SmallString.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Signals.h"
#include <cerrno>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace qvl;

static std::error_code lastError() { return {errno, std::generic_category()}; }

/// Permissions before the umask.
static constexpr mode_t kFileMode = 0666;

//===----------------------------------------------------------------------===//
// The target's name
//===----------------------------------------------------------------------===//

/// The name behind symbolic links: replacing the link itself would surprise its owner.
static llvm::Expected<std::string> realTarget(llvm::StringRef path) {
  llvm::SmallString<256> real(path);
  llvm::sys::fs::file_status status;
  const std::error_code known = llvm::sys::fs::status(path, status);
  if (known == std::errc::filename_too_long)
    return badInput(path, "the name is too long for a file");
  if (!known) {
    if (status.type() == llvm::sys::fs::file_type::directory_file)
      return badInput(path, "is a directory; name a file");
    if (status.type() != llvm::sys::fs::file_type::regular_file)
      return badInput(path, "is not a regular file; name another");
    if (std::error_code error = llvm::sys::fs::real_path(path, real))
      return systemFailure(path, "cannot resolve", error);
  }
  if (llvm::sys::path::filename(real).empty() || path.ends_with("/"))
    return badInput(path, "does not name a file");
  llvm::StringRef directory = llvm::sys::path::parent_path(real);
  if (!directory.empty() && !llvm::sys::fs::is_directory(directory))
    return badInput(path, "there is no directory " + directory);
  return std::string(real);
}

AtomicFile::AtomicFile(std::string path)
    : path(std::move(path)), directory(llvm::sys::path::parent_path(this->path)) {
  if (directory.empty())
    directory = ".";
}

//===----------------------------------------------------------------------===//
// Opening and discarding
//===----------------------------------------------------------------------===//

llvm::Expected<std::unique_ptr<AtomicFile>> AtomicFile::create(llvm::StringRef path,
                                                               Staging staging) {
  llvm::Expected<std::string> target = realTarget(path);
  if (!target)
    return target.takeError();
  std::unique_ptr<AtomicFile> file(new AtomicFile(std::move(*target)));
  if (llvm::Error error = file->open(staging))
    return std::move(error);
  return std::move(file);
}

llvm::Error AtomicFile::open(Staging staging) {
  // commit() names such a file through procfs.
  if (staging == Staging::Unnamed && ::access("/proc/self/fd", X_OK) == 0)
    descriptor = ::open(directory.c_str(), O_TMPFILE | O_WRONLY | O_CLOEXEC, kFileMode);
  if (descriptor >= 0)
    return llvm::Error::success();
  if (llvm::Error error = nameTemporary())
    return error;
  descriptor = ::open(temporary.c_str(), O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, kFileMode);
  if (descriptor < 0) {
    const std::error_code error = lastError();
    discardTemporary();
    return systemFailure(path, "cannot write in " + directory, error);
  }
  return llvm::Error::success();
}

/// Chooses a free name in the target's directory, where rename() stays on one file system.
llvm::Error AtomicFile::nameTemporary() {
  llvm::SmallString<256> model(directory);
  // As long as a name may be, the temporary one fits.
  llvm::StringRef name = llvm::sys::path::filename(path);
  llvm::sys::path::append(model, "." + name.take_front(200) + ".%%%%%%%%.tmp");
  llvm::SmallString<256> chosen;
  llvm::sys::fs::createUniquePath(model, chosen, /*MakeAbsolute=*/false);
  temporary = std::string(chosen);
  std::string message;
  if (llvm::sys::RemoveFileOnSignal(temporary, &message))
    return internalFailure(path, "cannot guard the temporary file: " + message);
  return llvm::Error::success();
}

void AtomicFile::discardTemporary() {
  if (temporary.empty())
    return;
  ::unlink(temporary.c_str());
  llvm::sys::DontRemoveFileOnSignal(temporary);
  temporary.clear();
}

AtomicFile::~AtomicFile() {
  if (descriptor >= 0)
    ::close(descriptor);
  discardTemporary();
}

//===----------------------------------------------------------------------===//
// Writing
//===----------------------------------------------------------------------===//

llvm::Error AtomicFile::reserve(uint64_t bytes) {
  if (bytes == 0 || ::fallocate(descriptor, 0, 0, static_cast<off_t>(bytes)) == 0)
    return llvm::Error::success();
  if (errno != EOPNOTSUPP && errno != ENOSYS)
    return systemFailure(path, "cannot claim " + std::to_string(bytes) + " bytes", lastError());
  if (::ftruncate(descriptor, static_cast<off_t>(bytes)) != 0)
    return systemFailure(path, "cannot grow to " + std::to_string(bytes) + " bytes", lastError());
  return llvm::Error::success();
}

llvm::Error AtomicFile::writeAt(uint64_t offset, llvm::ArrayRef<char> bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::pwrite(descriptor, bytes.data(), bytes.size(), offset);
    if (count < 0 && errno == EINTR)
      continue;
    if (count <= 0)
      return systemFailure(path, "cannot write", lastError());
    offset += count;
    bytes = bytes.drop_front(count);
  }
  return llvm::Error::success();
}

/// Makes a rename in `directory` durable.
static llvm::Error syncDirectory(const std::string &directory) {
  const int descriptor = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0)
    return llvm::Error::success(); // a directory that may be written but not read
  const bool failed = ::fsync(descriptor) != 0;
  const std::error_code error = lastError();
  ::close(descriptor);
  if (failed && error != std::errc::invalid_argument) // not all file systems can
    return systemFailure(directory, "cannot flush", error);
  return llvm::Error::success();
}

llvm::Error AtomicFile::commit() {
  if (::fsync(descriptor) != 0)
    return systemFailure(path, "cannot flush", lastError());
  if (temporary.empty()) {
    if (llvm::Error error = nameTemporary())
      return error;
    const std::string unnamed = "/proc/self/fd/" + std::to_string(descriptor);
    if (::linkat(AT_FDCWD, unnamed.c_str(), AT_FDCWD, temporary.c_str(), AT_SYMLINK_FOLLOW) != 0)
      return systemFailure(path, "cannot name the written file", lastError());
  }
  if (::rename(temporary.c_str(), path.c_str()) != 0)
    return systemFailure(path, "cannot replace", lastError());
  llvm::sys::DontRemoveFileOnSignal(temporary);
  temporary.clear();
  return syncDirectory(directory);
}
