// Tensor maps of launches.
#pragma once

#include "Driver.h"
#include "qvlrt/device.h"

namespace qvlrt {

/// The tensor map of one launch, which the driver copies with its other parameters. `map` has been
/// verified. Error: InvalidArgument when the launch's size is none, those of the driver.
absl::StatusOr<CUtensorMap> encodeMap(const Driver &driver, const qvlfmt::TensorMap &map,
                                      const Launch &launch);

} // namespace qvlrt
