// The device that does everything except run kernels.
#pragma once

#include "qvlrt/device.h"

#include <memory>

namespace qvlrt {

/// Memory and copies work, launches are checked and dropped: it measures the host's share of a run,
/// answers what a run would need, and is the skeleton from which a new device is written. It loads
/// the kernels of any target.
std::unique_ptr<Device> createNullDevice();

} // namespace qvlrt
