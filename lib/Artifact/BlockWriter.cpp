#include "qvl/Artifact/BlockWriter.h"

#include <algorithm>
#include <cassert>

using namespace qvl;

llvm::Error BlockWriter::writeAt(uint64_t offset, llvm::ArrayRef<char> bytes) {
  const uint64_t end = blockOffset + block.size();
  assert(offset >= end && "bytes come in ascending order");
  if (llvm::Error error = skip(offset - end))
    return error;
  return append(bytes);
}

llvm::Error BlockWriter::finish() {
  if (block.empty())
    return llvm::Error::success();
  if (llvm::Error error = file.writeAt(blockOffset, block))
    return error;
  blockOffset += block.size();
  block.clear();
  return llvm::Error::success();
}

llvm::Error BlockWriter::append(llvm::ArrayRef<char> bytes) {
  while (!bytes.empty()) {
    const size_t count = std::min<size_t>(bytes.size(), kBlockBytes - block.size());
    block.insert(block.end(), bytes.begin(), bytes.begin() + count);
    bytes = bytes.drop_front(count);
    if (block.size() == kBlockBytes)
      if (llvm::Error error = finish())
        return error;
  }
  return llvm::Error::success();
}

llvm::Error BlockWriter::skip(uint64_t bytes) {
  const std::vector<char> zeros(std::min(bytes, kBlockBytes));
  while (bytes > 0) {
    const uint64_t count = std::min<uint64_t>(bytes, zeros.size());
    if (llvm::Error error = append(llvm::ArrayRef(zeros).take_front(count)))
      return error;
    bytes -= count;
  }
  return llvm::Error::success();
}
