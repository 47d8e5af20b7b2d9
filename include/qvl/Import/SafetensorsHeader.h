// The header of one safetensors file: u64 length (little endian), JSON, data.
#pragma once

#include "qvl/Import/Checkpoint.h"

namespace qvl {

/// Parses the JSON of a header whose data start at byte `dataStart` of `file`. Checks dtypes (BF16,
/// F16, F32), that shape, dtype and byte count agree, and that no two tensors overlap; gaps between
/// tensors are accepted. The result is in order of offsets. Canonical names are filled in.
llvm::Expected<std::vector<TensorInfo>> parseSafetensorsHeader(llvm::StringRef json,
                                                               llvm::StringRef file,
                                                               uint64_t dataStart,
                                                               const CheckpointLimits &limits);

/// Reads the header of `path` and nothing behind it.
llvm::Expected<std::vector<TensorInfo>> readSafetensorsHeader(llvm::StringRef path,
                                                              const CheckpointLimits &limits);

} // namespace qvl
