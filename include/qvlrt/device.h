// The seam between the executor and a machine that runs kernels.
#pragma once

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "qvlfmt/artifact_generated.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace qvlrt {

/// A piece of a device's memory. On devices that compute in host memory the address is a host
/// pointer. Not owning.
struct DeviceRange {
  std::uintptr_t address = 0;
  std::uint64_t bytes = 0;

  void *pointer() const { return reinterpret_cast<void *>(address); }
  /// The `count` bytes from `offset`; the caller keeps offset + count <= bytes.
  DeviceRange subrange(std::uint64_t offset, std::uint64_t count) const {
    return {address + offset, count};
  }
};

/// Alignment of every allocation and of every buffer that a kernel sees, in bytes (KernelAbi.h).
inline constexpr std::uint64_t kBufferAlignment = 64;

/// What a device can do.
struct DeviceLimits {
  bool runsKernels = true;         // false: launches are checked and then dropped (the null device)
  bool hostAddressable = true;     // DeviceRange addresses are host pointers
  bool simulated = false;          // a simulator: times mean nothing and benchmarks refuse it
  std::uint64_t maxAllocation = 0; // bytes of one allocation
  int workers = 1;                 // threads that compute
  bool recordsWork = false;        // beginRecording() and what follows it can be used
};

/// Bytes in use on a device by this process, through this object.
struct DeviceMemoryReport {
  std::uint64_t allocated = 0; // allocations that live, and committed parts of reservations
  std::uint64_t peak = 0;      // the largest value `allocated` ever had
  /// Bytes that can still be had; not set when the device cannot tell.
  std::optional<std::uint64_t> available;
};

/// The kernels of one target, loaded on a device. Dies before its device.
class LoadedKernels {
public:
  virtual ~LoadedKernels() = default;
  /// Number of kernels: that of the target.
  virtual std::uint32_t size() const = 0;
};

/// Work that a device has recorded. Dies before the kernels in it and its device.
class RecordedWork {
public:
  virtual ~RecordedWork() = default;
};

/// One launch: kernel `kernel` of a LoadedKernels over `grid` tiles.
struct Launch {
  std::uint32_t kernel = 0;
  std::int64_t grid = 0;
  std::span<void *const> buffers;        // buffer_count addresses, each kBufferAlignment aligned
  std::span<const std::int64_t> scalars; // scalar_count values
};

/// One device. Calls are made from one thread at a time. Operations are ordered: each sees the
/// effects of those before it; a device that runs asynchronously finishes them in synchronize() and
/// before a copy to the host returns.
class Device {
public:
  virtual ~Device() = default;

  /// Short name of the kind: "cpu", "cuda", "null". It is also the name of the artifact target that
  /// the device runs.
  virtual std::string_view name() const = 0;
  /// What a user wants to read: "cpu (v4+bf16, 2 threads)".
  virtual std::string description() const = 0;
  virtual DeviceLimits limits() const = 0;
  virtual DeviceMemoryReport memory() const = 0;

  /// Memory with undefined contents, kBufferAlignment aligned; `bytes` may be 0. Error:
  /// ResourceExhausted, naming the bytes.
  virtual absl::StatusOr<DeviceRange> allocate(std::uint64_t bytes) = 0;
  /// Gives back a range of allocate(), whole.
  virtual void free(DeviceRange range) = 0;

  /// Reserves address space without memory; parts become usable, and zero, through commit(). Error:
  /// ResourceExhausted.
  virtual absl::StatusOr<DeviceRange> reserve(std::uint64_t bytes) = 0;
  /// Backs [offset, offset + bytes) of a reservation with zeroed memory; offset and bytes are
  /// multiples of 4096 and the part was not committed before. Error: ResourceExhausted.
  virtual absl::Status commit(DeviceRange reservation, std::uint64_t offset,
                              std::uint64_t bytes) = 0;
  /// Gives back a reservation and all its memory. `committed` is the sum of its commits in bytes.
  virtual void release(DeviceRange reservation, std::uint64_t committed) = 0;

  /// Makes host bytes readable by kernels. The device may use them in place, so `bytes` must stay
  /// alive and unchanged until dropHostBytes(); a device with memory of its own copies them.
  virtual absl::StatusOr<DeviceRange> useHostBytes(std::span<const std::byte> bytes) = 0;
  virtual void dropHostBytes(DeviceRange range) = 0;

  /// Copies between host and device. Error: InvalidArgument when the sizes differ.
  virtual absl::Status copyToDevice(DeviceRange to, std::span<const std::byte> from) = 0;
  virtual absl::Status copyToHost(std::span<std::byte> to, DeviceRange from) = 0;
  /// Copies inside the device; the ranges have equal sizes and do not overlap.
  virtual absl::Status copy(DeviceRange to, DeviceRange from) = 0;
  virtual absl::Status fill(DeviceRange range, std::uint8_t value) = 0;

  /// Whether there is a variant of every kernel of `target` for this machine.
  virtual bool runs(const qvlfmt::Target &target) const = 0;

  /// Chooses a variant for every kernel of `target` and loads the code. `artifact` names the file
  /// in errors. Errors: FailedPrecondition when no code object runs on this machine (names what it
  /// has and what the artifact offers), InvalidArgument when an object does not load or lacks a
  /// symbol.
  virtual absl::StatusOr<std::unique_ptr<LoadedKernels>> loadKernels(const qvlfmt::Target &target,
                                                                     std::string_view artifact) = 0;

  /// Runs or enqueues one launch. Errors: InvalidArgument when the launch does not fit the kernel.
  virtual absl::Status launch(const LoadedKernels &kernels, const Launch &launch) = 0;
  /// Waits for everything enqueued and reports its errors.
  virtual absl::Status synchronize() = 0;

  /// Keeps the launches, fills and copies inside the device that follow, with their addresses and
  /// values, instead of running them. Until endRecording() no other operation is allowed. Error:
  /// FailedPrecondition where limits() deny it.
  virtual absl::Status beginRecording() = 0;
  /// Ends the recording, also after an operation of it failed.
  virtual absl::StatusOr<std::unique_ptr<RecordedWork>> endRecording() = 0;
  /// Enqueues recorded work; what its addresses point at must live.
  virtual absl::Status replay(const RecordedWork &work) = 0;
};

/// An owned allocation of a device. Move-only; dies before the device.
class DeviceBuffer {
public:
  DeviceBuffer() = default;
  static absl::StatusOr<DeviceBuffer> allocate(Device &device, std::uint64_t bytes);
  /// An allocation that holds a copy of `contents`.
  static absl::StatusOr<DeviceBuffer> copyOf(Device &device, std::span<const std::byte> contents);
  DeviceBuffer(DeviceBuffer &&other) noexcept;
  DeviceBuffer &operator=(DeviceBuffer &&other) noexcept;
  ~DeviceBuffer();

  const DeviceRange &range() const { return memory; }
  std::uint64_t bytes() const { return memory.bytes; }

private:
  DeviceBuffer(Device &device, DeviceRange memory) : device(&device), memory(memory) {}

  Device *device = nullptr; // borrowed; null when empty
  DeviceRange memory;       // owned
};

} // namespace qvlrt
