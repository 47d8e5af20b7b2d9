// `--dump-dir`: the tensors of a run as `.npy` files.
#pragma once

#include "TensorNames.h"

#include "absl/status/status.h"

#include <span>
#include <string>

namespace qvlrun {

/// Writes NAME.npy for every tensor into an existing folder and removes the files of tensors that
/// this run does not have, so that the folder shows one run. Error: Unavailable.
absl::Status dumpTensors(std::span<const NamedTensor> tensors, const std::string &directory);

} // namespace qvlrun
