// Global memory of a simulated device.
#pragma once

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

namespace qvlsim {

/// A stretch of device addresses with storage. One byte of `initialised` stands for one byte of
/// data: 0 until it is written. Null: the bytes count as written (host memory).
struct MemoryRegion {
  std::uint64_t address = 0;
  std::uint64_t bytes = 0;
  std::byte *data = nullptr;
  std::uint8_t *initialised = nullptr;
  bool readOnly = false; // constant memory: kernels may not write
  std::uint64_t id = 0;  // never used twice in one DeviceMemory
};

/// Allocations with unmapped gaps between them. Addresses lie outside every range that host
/// pointers use, so that a host pointer handed to a kernel is an out-of-bounds access. All members
/// may be called from several threads; freeing what a running kernel uses is the caller's mistake,
/// and its storage lives until the launch ends.
class DeviceMemory {
public:
  /// At most `limit` bytes of storage at a time.
  explicit DeviceMemory(std::uint64_t limit = std::uint64_t{16} << 30);
  ~DeviceMemory();
  DeviceMemory(const DeviceMemory &) = delete;
  DeviceMemory &operator=(const DeviceMemory &) = delete;

  /// Address of `bytes` bytes, a multiple of `align` (a power of two, at least 256 is used). Bytes
  /// 0 gives a region of one byte. Errors: InvalidArgument; ResourceExhausted.
  absl::StatusOr<std::uint64_t> allocate(std::uint64_t bytes, std::uint64_t align = 256,
                                         bool readOnly = false);
  /// Frees an allocation by its address. Errors: InvalidArgument when none starts there.
  absl::Status free(std::uint64_t address);

  /// Addresses without storage, for virtual memory management; `align` is a power of two.
  absl::StatusOr<std::uint64_t> reserve(std::uint64_t bytes, std::uint64_t align);
  absl::Status release(std::uint64_t address);
  /// Gives storage to [address, address + bytes) inside a reservation; unmap takes the very ranges.
  absl::Status map(std::uint64_t address, std::uint64_t bytes);
  absl::Status unmap(std::uint64_t address);

  /// Lets kernels use host memory under its host address (pinned memory).
  absl::Status registerHost(void *host, std::uint64_t bytes);
  absl::Status unregisterHost(void *host);

  /// Copies and fills check bounds, and mark what they write. `read` of bytes that nothing has
  /// written gives the fill pattern of fresh memory (0xFF). Errors: OutOfRange.
  absl::Status read(std::uint64_t address, std::span<std::byte> out) const;
  absl::Status write(std::uint64_t address, std::span<const std::byte> data);
  absl::Status fill(std::uint64_t address, std::byte value, std::uint64_t bytes);
  /// Copies device memory, overlapping or not; bytes that were not written stay unwritten.
  absl::Status copy(std::uint64_t to, std::uint64_t from, std::uint64_t bytes);
  /// Whether every byte of the range has been written. Errors: OutOfRange.
  absl::StatusOr<bool> isInitialised(std::uint64_t address, std::uint64_t bytes) const;

  /// The region that holds an address; InvalidArgument when none does. For
  /// reservations and queries of attributes; kernels use snapshots.
  absl::StatusOr<MemoryRegion> regionOf(std::uint64_t address) const;

  std::uint64_t limit() const { return limit_; }
  std::uint64_t allocated() const;

  /// The regions at one moment, sorted by address, with their storage kept alive: what one launch
  /// sees.
  class Snapshot {
  public:
    /// The region that holds `address`, or null.
    const MemoryRegion *find(std::uint64_t address) const;
    std::span<const MemoryRegion> regions() const { return regions_; }

  private:
    friend class DeviceMemory;
    std::vector<MemoryRegion> regions_;
    std::vector<std::shared_ptr<void>> storage_;
  };
  std::shared_ptr<const Snapshot> snapshot() const;

private:
  struct Storage;
  struct Entry {
    MemoryRegion region;
    std::shared_ptr<Storage> storage;
    bool mapped = false; // by map(), not by allocate()
    bool host = false;
  };
  struct Reservation {
    std::uint64_t address, bytes;
  };
  absl::StatusOr<Entry> makeEntry(std::uint64_t address, std::uint64_t bytes, bool readOnly);
  absl::StatusOr<std::uint64_t> takeAddresses(std::uint64_t bytes, std::uint64_t align);
  void insert(Entry entry);
  absl::Status erase(std::uint64_t address, bool mapped, bool host, const char *what);
  const Entry *findEntry(std::uint64_t address) const;
  /// Calls fn(region, offset, bytes) for the pieces of a range. Errors: OutOfRange.
  template <typename Function>
  absl::Status forEachPiece(std::uint64_t address, std::uint64_t bytes, Function fn) const;

  mutable std::mutex mutex_;
  std::vector<Entry> entries_; // sorted by address
  std::vector<Reservation> reservations_;
  std::uint64_t limit_, allocated_ = 0, next_, nextId_ = 1;
  mutable std::shared_ptr<const Snapshot> cached_;
};

} // namespace qvlsim
