// An open file of the checkpoint.
#pragma once

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <cstdint>

namespace qvl {

/// Opens a regular file for reading. Errors: BadInput when it is missing or no regular file, System
/// otherwise.
llvm::Expected<int> openForReading(llvm::StringRef path);

/// Size of an open file in bytes.
llvm::Expected<uint64_t> sizeOfFile(int descriptor, llvm::StringRef path);

/// Fills `block` from byte `offset`; returns the bytes read, fewer only at the end of the file.
llvm::Expected<uint64_t> readAt(int descriptor, llvm::StringRef path, uint64_t offset,
                                llvm::MutableArrayRef<char> block);

} // namespace qvl
