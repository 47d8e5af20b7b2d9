// An x86-64 shared object loaded from memory.
#pragma once

#include "absl/status/statusor.h"

#include <cstddef>
#include <span>
#include <string>

namespace qvlrt {

/// Unloads its code when it dies. Move-only.
class LoadedObject {
public:
  /// Loads `bytes` through an anonymous memory file or, where that is refused, a private temporary
  /// file that is removed at once. Error: InvalidArgument (not an x86-64 shared object, or the
  /// loader's message).
  static absl::StatusOr<LoadedObject> load(std::span<const std::byte> bytes);
  /// The second way alone. Errors: also ResourceExhausted, when the file cannot be written.
  static absl::StatusOr<LoadedObject> loadThroughTemporaryFile(std::span<const std::byte> bytes);
  LoadedObject(LoadedObject &&other) noexcept;
  LoadedObject &operator=(LoadedObject &&) = delete;
  ~LoadedObject();

  /// Address of an exported symbol, null when it is missing.
  void *symbol(const std::string &name) const;

private:
  LoadedObject(void *handle, int file) : handle(handle), file(file) {}

  void *handle; // owned
  // Owned, and open as long as the code is loaded: the loader knows the object by the name
  // /proc/self/fd/N and would return it again for another object on a reused N. -1 for a temporary
  // file.
  int file;
};

} // namespace qvlrt
