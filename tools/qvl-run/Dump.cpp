// `--dump-dir`: the tensors of a run as `.npy` files.
#include "Dump.h"

#include "qvlrt/npy.h"
#include "qvlrt/status.h"

#include <filesystem>

namespace qvlrun {

absl::Status dumpTensors(std::span<const NamedTensor> tensors, const std::string &directory) {
  const std::filesystem::path folder(directory);
  for (std::string_view name : tensorNames()) {
    std::error_code missing;
    std::filesystem::remove(folder / (std::string(name) + ".npy"), missing);
  }
  for (const NamedTensor &tensor : tensors)
    QVLRT_RETURN_IF_ERROR(qvlrt::writeNpy((folder / (tensor.name + ".npy")).string(), tensor.type,
                                          tensor.shape, tensor.bytes));
  return absl::OkStatus();
}

} // namespace qvlrun
