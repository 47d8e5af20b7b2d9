// The weights of a target in reach of a device.
#pragma once

#include "absl/status/status.h"
#include "qvlrt/device.h"
#include "qvlrt/module.h"

#include <cstdint>
#include <vector>

namespace qvlrt {

/// Every weight that some program of the target reads, once, however many programs read it. Dies
/// before the device and the module.
class DeviceWeights {
public:
  explicit DeviceWeights(Device &device) : device(device) {}
  ~DeviceWeights();
  DeviceWeights(const DeviceWeights &) = delete;
  DeviceWeights &operator=(const DeviceWeights &) = delete;

  /// Maps or uploads. Error: ResourceExhausted, naming all bytes that are needed, before anything
  /// is uploaded where the device knows that it lacks memory.
  absl::Status load(const Module &module, const qvlfmt::Target &target);

  /// An empty range for a weight that no program reads.
  DeviceRange operator[](std::uint32_t weight) const { return ranges[weight]; }

private:
  absl::Status checkRoom(std::uint64_t bytes) const;

  Device &device; // borrowed
  std::vector<DeviceRange> ranges;
};

} // namespace qvlrt
