// A file mapped read-only.
#pragma once

#include "absl/status/statusor.h"

#include <cstddef>
#include <span>
#include <string>

namespace qvlrt {

/// A private read-only mapping of a whole regular file; unmapped by the destructor. Pages are read
/// when they are first touched, so mapping a large file is cheap; in huge pages where the file
/// system has them (Linux 6.16 with ext4, 5.18 with XFS), which makes the products of a model some
/// percent faster.
class MappedFile {
public:
  /// Errors: NotFound, PermissionDenied, InvalidArgument (not a regular file, empty),
  /// ResourceExhausted (mmap).
  static absl::StatusOr<MappedFile> open(const std::string &path);

  MappedFile(MappedFile &&other) noexcept;
  MappedFile &operator=(MappedFile &&other) noexcept;
  ~MappedFile();

  const std::string &path() const { return name; }
  std::span<const std::byte> bytes() const { return mapped; }

private:
  MappedFile(std::string name, std::span<const std::byte> mapped)
      : name(std::move(name)), mapped(mapped) {}

  std::string name;
  std::span<const std::byte> mapped; // owned: the result of mmap
};

} // namespace qvlrt
