#include "FileDescriptor.h"
#include "qvl/Import/Checkpoint.h"
#include "qvl/Import/Failure.h"

#include <unistd.h>
#include <utility>

using namespace qvl;

TensorReader::TensorReader() = default;

TensorReader::~TensorReader() {
  if (descriptor >= 0)
    ::close(descriptor);
}

TensorReader::TensorReader(TensorReader &&other) noexcept
    : descriptor(std::exchange(other.descriptor, -1)), openFile(std::move(other.openFile)) {}

TensorReader &TensorReader::operator=(TensorReader &&other) noexcept {
  std::swap(descriptor, other.descriptor);
  std::swap(openFile, other.openFile);
  return *this;
}

llvm::Error TensorReader::use(const std::string &file) {
  if (descriptor >= 0 && openFile == file)
    return llvm::Error::success();
  llvm::Expected<int> opened = openForReading(file);
  if (!opened)
    return opened.takeError();
  if (descriptor >= 0)
    ::close(descriptor);
  descriptor = *opened;
  openFile = file;
  return llvm::Error::success();
}

llvm::Error TensorReader::read(const TensorInfo &tensor, uint64_t begin,
                               llvm::MutableArrayRef<char> block) {
  if (begin > tensor.bytes || block.size() > tensor.bytes - begin)
    return badInput(tensor.file, "tensor '" + tensor.sourceName + "' is read past its end");
  if (llvm::Error error = use(tensor.file))
    return error;
  llvm::Expected<uint64_t> count = readAt(descriptor, tensor.file, tensor.offset + begin, block);
  if (!count)
    return count.takeError();
  if (*count < block.size())
    return badInput(tensor.file, "truncated: the file ends inside tensor '" + tensor.sourceName +
                                     "'; fetch the file again");
  return llvm::Error::success();
}
