#include "CodeObject.h"

#include "qvlrt/status.h"

#include "absl/strings/str_cat.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <elf.h>
#include <sys/mman.h>
#include <unistd.h>
#include <utility>

namespace qvlrt {

namespace {

/// The loader reports such mistakes too, but in words about a file that the user does not know.
absl::Status checkElfHeader(std::span<const std::byte> bytes) {
  Elf64_Ehdr header;
  if (bytes.size() >= sizeof(header))
    std::memcpy(&header, bytes.data(), sizeof(header));
  if (bytes.size() < sizeof(header) || std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 ||
      header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_machine != EM_X86_64 ||
      header.e_type != ET_DYN)
    return absl::InvalidArgumentError("not an x86-64 shared object");
  return absl::OkStatus();
}

bool writeAll(int file, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    ssize_t written = write(file, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR)
      continue;
    if (written <= 0)
      return false;
    bytes = bytes.subspan(written);
  }
  return true;
}

absl::Status loaderError() {
  const char *message = dlerror();
  return absl::InvalidArgumentError(message ? message : "the loader failed");
}

/// Removes a file at the end of a scope; its code stays mapped.
struct RemovedFile {
  std::string path;
  ~RemovedFile() { unlink(path.c_str()); }
};

/// A descriptor with the contents, or -1 where the system refuses memory files or executing them.
int memoryFile(std::span<const std::byte> bytes) {
  int file = memfd_create("qvl-kernels", MFD_CLOEXEC);
  if (file >= 0 && !writeAll(file, bytes)) {
    close(file);
    return -1;
  }
  return file;
}

} // namespace

absl::StatusOr<LoadedObject> LoadedObject::load(std::span<const std::byte> bytes) {
  QVLRT_RETURN_IF_ERROR(checkElfHeader(bytes));
  if (int file = memoryFile(bytes); file >= 0) {
    std::string path = absl::StrCat("/proc/self/fd/", file);
    if (void *handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL))
      return LoadedObject(handle, file);
    close(file);
  }
  return loadThroughTemporaryFile(bytes);
}

absl::StatusOr<LoadedObject>
LoadedObject::loadThroughTemporaryFile(std::span<const std::byte> bytes) {
  const char *folder = std::getenv("TMPDIR");
  std::string path = absl::StrCat(folder && *folder ? folder : "/tmp", "/qvl-kernels-XXXXXX");
  int file = mkstemp(path.data()); // readable by this user only
  if (file < 0)
    return absl::ResourceExhaustedError(
        absl::StrCat("cannot create ", path, ": ", std::strerror(errno), "; set TMPDIR"));
  RemovedFile removed{path};
  bool written = writeAll(file, bytes);
  int error = errno;
  close(file);
  if (!written)
    return absl::ResourceExhaustedError(
        absl::StrCat("cannot write ", path, ": ", std::strerror(error), "; set TMPDIR"));
  void *handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!handle)
    return loaderError();
  return LoadedObject(handle, -1);
}

LoadedObject::LoadedObject(LoadedObject &&other) noexcept
    : handle(std::exchange(other.handle, nullptr)), file(std::exchange(other.file, -1)) {}

LoadedObject::~LoadedObject() {
  if (handle)
    dlclose(handle);
  if (file >= 0)
    close(file);
}

void *LoadedObject::symbol(const std::string &name) const { return dlsym(handle, name.c_str()); }

} // namespace qvlrt
