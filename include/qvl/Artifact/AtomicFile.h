// A file that appears under its name complete or not at all.
#pragma once

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <cstdint>
#include <memory>
#include <string>

namespace qvl {

/// Collects a file's bytes outside its name and gives it the name at commit(). Whatever ends the
/// program before, the former file stays and nothing half-written is left: the bytes live in a file
/// without a name where the file system has them, else in a temporary file of the same directory
/// that the destructor and the handlers of SIGINT and SIGTERM remove.
class AtomicFile {
public:
  enum class Staging {
    Unnamed, ///< a file without a name, if the file system has them
    Named,   ///< always a temporary file
  };

  /// Errors: BadInput when `path` cannot be a file (a directory, a device, no such directory, no
  /// permission), System when the disk fails.
  static llvm::Expected<std::unique_ptr<AtomicFile>> create(llvm::StringRef path,
                                                            Staging staging = Staging::Unnamed);
  ~AtomicFile();

  /// Makes the file `bytes` long, zero filled, and claims the space now, so that a full disk shows
  /// before the work.
  llvm::Error reserve(uint64_t bytes);

  llvm::Error writeAt(uint64_t offset, llvm::ArrayRef<char> bytes);

  /// Flushes the bytes to the disk and moves the file to its name, replacing what was there.
  llvm::Error commit();

private:
  explicit AtomicFile(std::string path);
  llvm::Error open(Staging staging);
  llvm::Error nameTemporary();
  void discardTemporary();

  std::string path;      // real name: links are resolved
  std::string directory; // where `path` is
  std::string temporary; // empty while the file has no name
  int descriptor = -1;
};

} // namespace qvl
