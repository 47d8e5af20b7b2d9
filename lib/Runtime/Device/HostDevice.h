// What devices that compute in host memory share: allocation, reservations, copies and their
// accounts.
#pragma once

#include "qvlrt/device.h"

#include <cstdint>

namespace qvlrt {

/// Base of the cpu and null devices. Leaves names, kernels and launches to them. Everything is done
/// when a call returns.
class HostDevice : public Device {
public:
  DeviceLimits limits() const override;
  DeviceMemoryReport memory() const override;

  absl::StatusOr<DeviceRange> allocate(std::uint64_t bytes) override;
  void free(DeviceRange range) override;
  absl::StatusOr<DeviceRange> reserve(std::uint64_t bytes) override;
  absl::Status commit(DeviceRange reservation, std::uint64_t offset, std::uint64_t bytes) override;
  void release(DeviceRange reservation, std::uint64_t committed) override;

  absl::StatusOr<DeviceRange> useHostBytes(std::span<const std::byte> bytes) override;
  void dropHostBytes(DeviceRange) override {}

  absl::Status copyToDevice(DeviceRange to, std::span<const std::byte> from) override;
  absl::Status copyToHost(std::span<std::byte> to, DeviceRange from) override;
  absl::Status copy(DeviceRange to, DeviceRange from) override;
  absl::Status fill(DeviceRange range, std::uint8_t value) override;
  absl::Status synchronize() override { return absl::OkStatus(); }

  // An operation is done when its call returns, so there is nothing to record.
  absl::Status beginRecording() override;
  absl::StatusOr<std::unique_ptr<RecordedWork>> endRecording() override;
  absl::Status replay(const RecordedWork &work) override;

private:
  /// Adds `bytes` to those in use. Error: ResourceExhausted when the machine has no room for them.
  absl::Status account(std::uint64_t bytes);

  DeviceMemoryReport report;
};

} // namespace qvlrt
