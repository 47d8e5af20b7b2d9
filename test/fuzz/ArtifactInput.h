// What the fuzz targets of artifacts share. The mutator that libFuzzer calls is there, too.
#pragma once

#include "qvlrt/module.h"

#include <memory>
#include <span>

namespace qvlrt::test {

/// Opens the bytes as an artifact. Checksums keep mutated bytes out at the door, so they are made
/// to match first.
absl::StatusOr<std::unique_ptr<Module>> openSealed(std::span<const std::uint8_t> bytes);

} // namespace qvlrt::test
