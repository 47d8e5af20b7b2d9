// `--dump-dir`: the tensors of a run as `.npy` files.
#include "Dump.h"

#include "qvlrt/npy.h"
#include "qvlrt/status.h"

#include "absl/strings/str_format.h"

#include <filesystem>

namespace qvlrun {
namespace {

namespace fs = std::filesystem;

/// Writes beside the final name and renames, so that a full disk leaves no half file behind.
absl::Status writeTensor(const NamedTensor &tensor, const fs::path &path) {
  const std::string temporary = path.string() + ".tmp";
  absl::Status status = qvlrt::writeNpy(temporary, tensor.type, tensor.shape, tensor.bytes);
  std::error_code error;
  if (status.ok())
    fs::rename(temporary, path, error);
  if (error)
    status = absl::Status(qvlrt::codeOfOpenError(error.value()),
                          absl::StrFormat("%s: cannot write: %s", path.string(), error.message()));
  if (!status.ok())
    fs::remove(temporary, error);
  return status;
}

} // namespace

absl::Status dumpTensors(std::span<const NamedTensor> tensors, const std::string &directory) {
  const fs::path folder(directory);
  for (std::string_view name : tensorNames()) {
    std::error_code missing;
    fs::remove(folder / (std::string(name) + ".npy"), missing);
  }
  for (const NamedTensor &tensor : tensors)
    QVLRT_RETURN_IF_ERROR(writeTensor(tensor, folder / (tensor.name + ".npy")));
  return absl::OkStatus();
}

} // namespace qvlrun
