// The checks that need no device.
#pragma once

#include "qvlrt/device.h"

namespace qvlrt {

/// Kernel number, grid, operand counts and alignment of a launch. Error: InvalidArgument.
absl::Status checkLaunch(const qvlfmt::Target &target, const Launch &launch);

/// Error: InvalidArgument when a copy has two sizes.
absl::Status checkCopy(std::uint64_t to, std::uint64_t from);

} // namespace qvlrt
