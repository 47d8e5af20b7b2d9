// The rows that the vision program writes and the language programs read.
#pragma once

#include "absl/status/statusor.h"
#include "qvlrt/device.h"

#include <cstdint>

namespace qvlrt {

/// A growing block of f32 rows in device memory. Growing moves the rows; row numbers stay.
class FeaturePool {
public:
  FeaturePool(Device &device, std::uint64_t rowBytes) : device(device), rowBytes(rowBytes) {}

  /// Appends `count` rows of undefined contents and returns the first. Error: ResourceExhausted.
  absl::StatusOr<std::int64_t> append(std::int64_t count);

  /// Memory of rows [first, first + count), which exist.
  DeviceRange rows(std::int64_t first, std::int64_t count) const {
    return buffer.range().subrange(first * rowBytes, count * rowBytes);
  }
  std::int64_t size() const { return used; }
  /// Drops all rows and keeps the memory.
  void clear() { used = 0; }

private:
  Device &device; // borrowed
  std::uint64_t rowBytes;
  DeviceBuffer buffer;
  std::int64_t used = 0;
};

} // namespace qvlrt
