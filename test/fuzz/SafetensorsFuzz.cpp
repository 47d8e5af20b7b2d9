// Headers of safetensors files: accepted tensors are in order, apart, and inside 63 bits.
#include "qvl/Import/SafetensorsHeader.h"

#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size) {
  const llvm::StringRef json(reinterpret_cast<const char *>(data), size);
  llvm::Expected<std::vector<qvl::TensorInfo>> tensors =
      qvl::parseSafetensorsHeader(json, "fuzz", 8 + size, qvl::CheckpointLimits{});
  if (!tensors) {
    llvm::consumeError(tensors.takeError());
    return 0;
  }
  std::uint64_t end = 0;
  for (const qvl::TensorInfo &tensor : *tensors) {
    if (tensor.bytes == 0)
      continue;
    if (tensor.offset < end || tensor.offset + tensor.bytes < tensor.offset)
      std::abort();
    end = tensor.offset + tensor.bytes;
  }
  return 0;
}
