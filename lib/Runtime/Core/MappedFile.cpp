#include "qvlrt/mapped_file.h"

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

namespace qvlrt {

namespace {

/// Closes a descriptor at the end of a scope.
struct Descriptor {
  int number;
  ~Descriptor() {
    if (number >= 0)
      close(number);
  }
};

absl::Status openError(const std::string &path, int error) {
  std::string message = absl::StrCat(path, ": cannot open: ", std::strerror(error));
  if (error == ENOENT || error == ENOTDIR)
    return absl::NotFoundError(message);
  if (error == EACCES || error == EPERM)
    return absl::PermissionDeniedError(message);
  return absl::InvalidArgumentError(message);
}

} // namespace

absl::StatusOr<MappedFile> MappedFile::open(const std::string &path) {
  // Without O_NONBLOCK a named pipe would block here before it can be refused.
  Descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
  if (file.number < 0)
    return openError(path, errno);
  struct stat info;
  if (fstat(file.number, &info) != 0)
    return openError(path, errno);
  if (!S_ISREG(info.st_mode))
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": not a regular file; give the path of a .qvl file"));
  if (info.st_size == 0)
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": the file is empty; copy or compile it again"));
  std::size_t size = static_cast<std::size_t>(info.st_size);
  void *memory = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.number, 0);
  if (memory == MAP_FAILED)
    return absl::ResourceExhaustedError(
        absl::StrCat(path, ": cannot map ", size, " bytes: ", std::strerror(errno)));
  madvise(memory, size, MADV_HUGEPAGE); // advice only: kernels and file systems may not know it
  return MappedFile(path, {static_cast<const std::byte *>(memory), size});
}

MappedFile::MappedFile(MappedFile &&other) noexcept
    : name(std::move(other.name)), mapped(std::exchange(other.mapped, {})) {}

MappedFile &MappedFile::operator=(MappedFile &&other) noexcept {
  std::swap(name, other.name);
  std::swap(mapped, other.mapped);
  return *this;
}

MappedFile::~MappedFile() {
  if (!mapped.empty())
    munmap(const_cast<std::byte *>(mapped.data()), mapped.size());
}

} // namespace qvlrt
