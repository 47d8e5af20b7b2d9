#include "HostDevice.h"

#include "absl/strings/str_cat.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <sys/mman.h>
#include <unistd.h>

namespace qvlrt {

/// Scratch of one worker that a host still lends without asking.
static constexpr std::uint64_t kMaxHostScratch = std::uint64_t{1} << 28;

/// Allocations from here on are laid on transparent huge pages: an arena is read in long strides.
static constexpr std::uint64_t kHugePage = std::uint64_t{2} << 20;

static std::uint64_t physicalMemory() {
  return static_cast<std::uint64_t>(sysconf(_SC_PHYS_PAGES)) *
         static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
}

DeviceLimits HostDevice::limits() const {
  // malloc would promise more than the machine has, and the process would be killed on use.
  return {.runsKernels = true,
          .hostAddressable = true,
          .maxAllocation = physicalMemory(),
          .maxScratchBytes = kMaxHostScratch,
          .workers = 1};
}

void HostDevice::account(std::uint64_t bytes) {
  report.allocated += bytes;
  report.peak = std::max(report.peak, report.allocated);
}

absl::StatusOr<DeviceRange> HostDevice::allocate(std::uint64_t bytes) {
  if (bytes > limits().maxAllocation)
    return absl::ResourceExhaustedError(absl::StrCat(
        "out of memory: ", bytes, " bytes are needed, the machine has ", limits().maxAllocation));
  std::uint64_t alignment = bytes >= kHugePage ? kHugePage : kBufferAlignment;
  // aligned_alloc wants a multiple of the alignment; an empty buffer still gets an address of its
  // own.
  std::uint64_t rounded =
      (std::max<std::uint64_t>(bytes, 1) + alignment - 1) / alignment * alignment;
  void *memory = std::aligned_alloc(alignment, rounded);
  if (!memory)
    return absl::ResourceExhaustedError(
        absl::StrCat("out of memory: cannot allocate ", bytes, " bytes"));
  if (alignment == kHugePage)
    madvise(memory, rounded, MADV_HUGEPAGE); // advice only: kernels may be built without it
  account(bytes);
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
  // The kernel hands out zeroed pages on first touch.
  if (mprotect(reservation.subrange(offset, bytes).pointer(), bytes, PROT_READ | PROT_WRITE) != 0)
    return absl::ResourceExhaustedError(
        absl::StrCat("out of memory: cannot commit ", bytes, " bytes: ", std::strerror(errno)));
  account(bytes);
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

static absl::Status checkSizes(std::uint64_t to, std::uint64_t from) {
  if (to == from)
    return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("copy of ", from, " bytes into ", to));
}

absl::Status HostDevice::copyToDevice(DeviceRange to, std::span<const std::byte> from) {
  return copy(to, {reinterpret_cast<std::uintptr_t>(from.data()), from.size()});
}

absl::Status HostDevice::copyToHost(std::span<std::byte> to, DeviceRange from) {
  return copy({reinterpret_cast<std::uintptr_t>(to.data()), to.size()}, from);
}

absl::Status HostDevice::copy(DeviceRange to, DeviceRange from) {
  if (absl::Status status = checkSizes(to.bytes, from.bytes); !status.ok())
    return status;
  if (to.bytes > 0) // memcpy must not see the null pointer of an empty span
    std::memcpy(to.pointer(), from.pointer(), to.bytes);
  return absl::OkStatus();
}

absl::Status HostDevice::fill(DeviceRange range, std::uint8_t value) {
  if (range.bytes > 0)
    std::memset(range.pointer(), value, range.bytes);
  return absl::OkStatus();
}

absl::Status HostDevice::checkLaunch(const qvlfmt::Target &target, const Launch &launch) {
  if (!target.kernels() || launch.kernel >= target.kernels()->size())
    return absl::InvalidArgumentError(absl::StrCat("launch of kernel ", launch.kernel));
  const qvlfmt::Kernel &kernel = *target.kernels()->Get(launch.kernel);
  if (launch.grid < 0)
    return absl::InvalidArgumentError(
        absl::StrCat(kernel.name()->c_str(), ": a grid of ", launch.grid, " tiles"));
  if (launch.buffers.size() != kernel.buffer_count() ||
      launch.scalars.size() != kernel.scalar_count())
    return absl::InvalidArgumentError(absl::StrCat(
        kernel.name()->c_str(), ": ", launch.buffers.size(), " buffers and ", launch.scalars.size(),
        " scalars, not ", kernel.buffer_count(), " and ", kernel.scalar_count()));
  for (std::size_t i = 0; i < launch.buffers.size(); ++i)
    if (reinterpret_cast<std::uintptr_t>(launch.buffers[i]) % kBufferAlignment != 0)
      return absl::InvalidArgumentError(absl::StrCat(kernel.name()->c_str(), ": buffer ", i,
                                                     " is not aligned to ", kBufferAlignment,
                                                     " bytes"));
  return absl::OkStatus();
}

} // namespace qvlrt
