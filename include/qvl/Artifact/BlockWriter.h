// Writes a file from front to back in blocks of the size of a huge page.
#pragma once

#include "qvl/Artifact/AtomicFile.h"

#include <vector>

namespace qvl {

/// Gathers bytes in ascending order of their offsets and hands them to a file in blocks that start
/// at multiples of kBlockBytes. File systems with large folios then keep what was just written in
/// huge pages, which a mapping reads faster than small ones.
class BlockWriter {
public:
  /// A huge page of x86-64.
  static constexpr uint64_t kBlockBytes = 2 << 20;

  explicit BlockWriter(AtomicFile &file) : file(file) { block.reserve(kBlockBytes); }

  /// The bytes from `offset` on, which is not below the end of the bytes before; what lies between
  /// is zero.
  llvm::Error writeAt(uint64_t offset, llvm::ArrayRef<char> bytes);

  /// Writes what is left of the last block.
  llvm::Error finish();

private:
  llvm::Error append(llvm::ArrayRef<char> bytes);
  llvm::Error skip(uint64_t bytes);

  AtomicFile &file;
  std::vector<char> block; // the bytes from `blockOffset` on that are not written yet
  uint64_t blockOffset = 0;
};

} // namespace qvl
