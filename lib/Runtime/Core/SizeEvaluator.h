// Evaluates the size arithmetic of a program.
#pragma once

#include "absl/status/statusor.h"
#include "qvlfmt/artifact_generated.h"
#include "qvlrt/executor.h"

#include <cstdint>
#include <span>
#include <vector>

namespace qvlrt {

/// Values of all size nodes of a verified `program` for arguments of these shapes (in program
/// order, of the right ranks). Error: InvalidArgument for a value beyond 64 bits or a division by a
/// number below 1, naming the node.
absl::StatusOr<std::vector<std::int64_t>> evaluateSizes(const qvlfmt::Program &program,
                                                        std::span<const Shape> arguments);

} // namespace qvlrt
