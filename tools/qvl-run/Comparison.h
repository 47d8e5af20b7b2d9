// `--expected-output`: tensors of a run against files.
#pragma once

#include "Options.h"
#include "TensorNames.h"

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "qvlrt/npy.h"

#include <span>
#include <vector>

namespace qvlrun {

/// Reads the files of all expectations. Errors: NotFound, InvalidArgument.
absl::StatusOr<std::vector<qvlrt::NpyArray>> readExpected(std::span<const ExpectedOutput> expected);

/// Compares each expected tensor and prints one line about it on stderr. A float passes when
/// |actual - expected| <= atol + rtol * |expected|; integers must be equal. The line tells the
/// largest share of that limit any element used, so that drift shows before it fails. Error:
/// InvalidArgument when a tensor differs, has another type or shape, or this run does not have it.
absl::Status compareOutputs(const Options &options, std::span<const qvlrt::NpyArray> expected,
                            std::span<const NamedTensor> actual);

} // namespace qvlrun
