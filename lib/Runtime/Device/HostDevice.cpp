#include "HostDevice.h"

#include "LaunchChecks.h"
#include "qvlrt/status.h"

#include "absl/strings/str_cat.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sys/mman.h>
#include <unistd.h>

namespace qvlrt {

/// Allocations from here on are laid on transparent huge pages: an arena is read in long strides.
static constexpr std::uint64_t kHugePage = std::uint64_t{2} << 20;

/// Bytes that this process may use: the memory of the machine, or less inside a container.
static std::uint64_t availableMemory() {
  std::uint64_t physical = static_cast<std::uint64_t>(sysconf(_SC_PHYS_PAGES)) *
                           static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
  std::uint64_t limit = 0;
  std::ifstream file("/sys/fs/cgroup/memory.max"); // a number, or "max"
  return file >> limit ? std::min(limit, physical) : physical;
}

DeviceLimits HostDevice::limits() const {
  static const std::uint64_t available = availableMemory();
  return {.runsKernels = true,
          .hostAddressable = true,
          .simulated = false,
          .maxAllocation = available,
          .workers = 1};
}

DeviceMemoryReport HostDevice::memory() const {
  DeviceMemoryReport now = report;
  const std::uint64_t most = limits().maxAllocation;
  now.available = most - std::min(most, report.allocated);
  return now;
}

absl::Status HostDevice::account(std::uint64_t bytes) {
  // malloc and mmap promise more than the machine has; the process would be killed on use.
  std::uint64_t available = limits().maxAllocation;
  if (report.allocated > available || bytes > available - report.allocated)
    return absl::ResourceExhaustedError(absl::StrCat("out of memory: ", bytes,
                                                     " bytes are needed beside ", report.allocated,
                                                     " in use, the machine has ", available));
  report.allocated += bytes;
  report.peak = std::max(report.peak, report.allocated);
  return absl::OkStatus();
}

absl::StatusOr<DeviceRange> HostDevice::allocate(std::uint64_t bytes) {
  QVLRT_RETURN_IF_ERROR(account(bytes));
  std::uint64_t alignment = bytes >= kHugePage ? kHugePage : kBufferAlignment;
  // aligned_alloc wants a multiple of the alignment; an empty buffer gets an address of its own.
  std::uint64_t rounded =
      (std::max<std::uint64_t>(bytes, 1) + alignment - 1) / alignment * alignment;
  void *memory = std::aligned_alloc(alignment, rounded);
  if (!memory) {
    report.allocated -= bytes;
    return absl::ResourceExhaustedError(
        absl::StrCat("out of memory: cannot allocate ", bytes, " bytes"));
  }
  if (alignment == kHugePage)
    madvise(memory, rounded, MADV_HUGEPAGE); // advice only: kernels may be built without it
  return DeviceRange{reinterpret_cast<std::uintptr_t>(memory), bytes};
}

void HostDevice::free(DeviceRange range) {
  report.allocated -= range.bytes;
  std::free(range.pointer());
}

absl::StatusOr<DeviceRange> HostDevice::reserve(std::uint64_t bytes) {
  void *memory = mmap(nullptr, std::max<std::uint64_t>(bytes, 1), PROT_NONE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED)
    return absl::ResourceExhaustedError(
        absl::StrCat("cannot reserve ", bytes, " bytes of address space: ", std::strerror(errno)));
  return DeviceRange{reinterpret_cast<std::uintptr_t>(memory), bytes};
}

absl::Status HostDevice::commit(DeviceRange reservation, std::uint64_t offset,
                                std::uint64_t bytes) {
  if (offset > reservation.bytes || bytes > reservation.bytes - offset)
    return absl::InvalidArgumentError(absl::StrCat("commit of ", bytes, " bytes at ", offset,
                                                   " in a reservation of ", reservation.bytes));
  QVLRT_RETURN_IF_ERROR(account(bytes));
  // The system hands out zeroed pages on first touch.
  if (mprotect(reservation.subrange(offset, bytes).pointer(), bytes, PROT_READ | PROT_WRITE) != 0) {
    report.allocated -= bytes;
    return absl::ResourceExhaustedError(
        absl::StrCat("out of memory: cannot commit ", bytes, " bytes: ", std::strerror(errno)));
  }
  return absl::OkStatus();
}

void HostDevice::release(DeviceRange reservation, std::uint64_t committed) {
  report.allocated -= committed;
  munmap(reservation.pointer(), std::max<std::uint64_t>(reservation.bytes, 1));
}

absl::StatusOr<DeviceRange> HostDevice::useHostBytes(std::span<const std::byte> bytes) {
  DeviceRange range{reinterpret_cast<std::uintptr_t>(bytes.data()), bytes.size()};
  if (range.address % kBufferAlignment != 0)
    return absl::InvalidArgumentError(
        absl::StrCat("host bytes at ", range.address, ", not a multiple of ", kBufferAlignment));
  return range;
}

absl::Status HostDevice::copyToDevice(DeviceRange to, std::span<const std::byte> from) {
  return copy(to, {reinterpret_cast<std::uintptr_t>(from.data()), from.size()});
}

absl::Status HostDevice::copyToHost(std::span<std::byte> to, DeviceRange from) {
  return copy({reinterpret_cast<std::uintptr_t>(to.data()), to.size()}, from);
}

absl::Status HostDevice::copy(DeviceRange to, DeviceRange from) {
  if (absl::Status status = checkCopy(to.bytes, from.bytes); !status.ok())
    return status;
  if (to.bytes > 0) // memcpy must not see the null pointer of an empty span
    std::memcpy(to.pointer(), from.pointer(), to.bytes);
  return absl::OkStatus();
}

static absl::Status recordsNothing() {
  return absl::FailedPreconditionError("this device runs its work at once and records none");
}
absl::Status HostDevice::beginRecording() { return recordsNothing(); }
absl::StatusOr<std::unique_ptr<RecordedWork>> HostDevice::endRecording() {
  return recordsNothing();
}
absl::Status HostDevice::replay(const RecordedWork &) { return recordsNothing(); }

absl::Status HostDevice::fill(DeviceRange range, std::uint8_t value) {
  if (range.bytes > 0)
    std::memset(range.pointer(), value, range.bytes);
  return absl::OkStatus();
}

} // namespace qvlrt
