// Memory of a GPU: allocations, and reservations that get their memory later.
#pragma once

#include "Driver.h"
#include "qvlrt/device.h"

#include <map>
#include <vector>

namespace qvlrt {

/// Needs the device's context to be current. Everything it hands out is given back before it dies.
class CudaMemory {
public:
  explicit CudaMemory(const Driver &driver, CUdevice device) : driver(driver), device(device) {}

  absl::StatusOr<DeviceRange> allocate(std::uint64_t bytes);
  void free(DeviceRange range);

  absl::StatusOr<DeviceRange> reserve(std::uint64_t bytes);
  /// Backs a part; its contents are undefined. Memory comes in units of the device, so that a unit
  /// may be there from an earlier commit.
  absl::Status commit(DeviceRange reservation, std::uint64_t offset, std::uint64_t bytes);
  void release(DeviceRange reservation, std::uint64_t committed);

  DeviceMemoryReport report() const;

private:
  /// A stretch of units that were mapped together.
  struct Mapping {
    std::uint64_t address = 0, bytes = 0;
  };
  struct Reservation {
    std::uint64_t addressBytes = 0; // whole units
    std::vector<bool> backed;       // by unit
    std::vector<Mapping> mappings;
  };

  void account(std::uint64_t bytes);
  /// `status` of a failed attempt to take memory, with the bytes that are missing for it.
  absl::Status outOfMemory(const absl::Status &status, std::string_view what,
                           std::uint64_t bytes) const;
  absl::Status findUnit();
  CUmemAllocationProp properties() const;
  /// Maps units [first, last) of a reservation.
  absl::Status map(Reservation &reservation, std::uint64_t base, std::uint64_t first,
                   std::uint64_t last);

  const Driver &driver;
  CUdevice device;
  std::uint64_t unit = 0; // bytes of the smallest mapping; 0 until it is asked for
  std::map<std::uintptr_t, Reservation> reservations;
  DeviceMemoryReport accounts;
};

} // namespace qvlrt
