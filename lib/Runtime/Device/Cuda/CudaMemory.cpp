#include "CudaMemory.h"

#include "qvlrt/status.h"

#include "absl/strings/str_cat.h"

#include <algorithm>

namespace qvlrt {

void CudaMemory::account(std::uint64_t bytes) {
  accounts.allocated += bytes;
  accounts.peak = std::max(accounts.peak, accounts.allocated);
}

/// The status with what was tried in front; lack of memory keeps its code.
static absl::Status because(const absl::Status &status, std::string_view what) {
  return absl::Status(status.code(), absl::StrCat(std::string(what), ": ", status.message()));
}

DeviceMemoryReport CudaMemory::report() const {
  DeviceMemoryReport now = accounts;
  std::size_t free = 0, total = 0;
  if (driver.cuMemGetInfo_v2(&free, &total).ok())
    now.available = free;
  return now;
}

absl::Status CudaMemory::outOfMemory(const absl::Status &status, std::string_view what,
                                     std::uint64_t bytes) const {
  if (!absl::IsResourceExhausted(status))
    return because(status, what);
  std::string text = absl::StrCat("out of memory: ", std::string(what));
  if (const std::optional<std::uint64_t> available = report().available)
    absl::StrAppend(&text, ", ", *available, " are free, ", bytes - std::min(bytes, *available),
                    " are missing");
  return because(status, text);
}

absl::StatusOr<DeviceRange> CudaMemory::allocate(std::uint64_t bytes) {
  CUdeviceptr address = 0;
  // An empty buffer gets an address of its own. The driver aligns to 256 bytes.
  absl::Status status = driver.cuMemAlloc_v2(&address, std::max<std::uint64_t>(bytes, 1));
  if (!status.ok())
    return outOfMemory(status, absl::StrCat("cannot allocate ", bytes, " bytes on the GPU"), bytes);
  account(bytes);
  return DeviceRange{static_cast<std::uintptr_t>(address), bytes};
}

void CudaMemory::free(DeviceRange range) {
  accounts.allocated -= range.bytes;
  driver.cuMemFree_v2(range.address).IgnoreError(); // a lost device frees nothing
}

CUmemAllocationProp CudaMemory::properties() const {
  CUmemAllocationProp properties{};
  properties.type = CU_MEM_ALLOCATION_TYPE_PINNED;
  properties.location = {CU_MEM_LOCATION_TYPE_DEVICE, device};
  return properties;
}

absl::Status CudaMemory::findUnit() {
  if (unit != 0)
    return absl::OkStatus();
  const CUmemAllocationProp wanted = properties();
  std::size_t granularity = 0;
  QVLRT_RETURN_IF_ERROR(driver.cuMemGetAllocationGranularity(&granularity, &wanted,
                                                             CU_MEM_ALLOC_GRANULARITY_MINIMUM));
  if (granularity == 0)
    return absl::InternalError("the CUDA driver maps memory in units of 0 bytes");
  unit = granularity;
  return absl::OkStatus();
}

absl::StatusOr<DeviceRange> CudaMemory::reserve(std::uint64_t bytes) {
  QVLRT_RETURN_IF_ERROR(findUnit());
  if (bytes > UINT64_MAX - unit)
    return absl::ResourceExhaustedError(
        absl::StrCat("cannot reserve ", bytes, " bytes of device addresses"));
  Reservation reservation;
  reservation.addressBytes = (std::max<std::uint64_t>(bytes, 1) + unit - 1) / unit * unit;
  CUdeviceptr address = 0;
  absl::Status status = driver.cuMemAddressReserve(&address, reservation.addressBytes, 0, 0, 0);
  if (!status.ok())
    return because(status, absl::StrCat("cannot reserve ", bytes, " bytes of device addresses"));
  reservation.backed.resize(reservation.addressBytes / unit);
  reservations.emplace(address, std::move(reservation));
  return DeviceRange{static_cast<std::uintptr_t>(address), bytes};
}

absl::Status CudaMemory::map(Reservation &reservation, std::uint64_t base, std::uint64_t first,
                             std::uint64_t last) {
  const Mapping mapping{base + first * unit, (last - first) * unit};
  const CUmemAllocationProp wanted = properties();
  const CUmemAccessDesc access{wanted.location, CU_MEM_ACCESS_FLAGS_PROT_READWRITE};
  CUmemGenericAllocationHandle memory = 0;
  QVLRT_RETURN_IF_ERROR(driver.cuMemCreate(&memory, mapping.bytes, &wanted, 0));
  absl::Status status = driver.cuMemMap(mapping.address, mapping.bytes, 0, memory, 0);
  if (status.ok()) {
    status = driver.cuMemSetAccess(mapping.address, mapping.bytes, &access, 1);
    if (!status.ok())
      driver.cuMemUnmap(mapping.address, mapping.bytes).IgnoreError();
  }
  // From here on the mapping alone keeps the memory.
  if (absl::Status released = driver.cuMemRelease(memory); status.ok() && !released.ok()) {
    driver.cuMemUnmap(mapping.address, mapping.bytes).IgnoreError();
    status = released;
  }
  QVLRT_RETURN_IF_ERROR(status);
  reservation.mappings.push_back(mapping);
  std::fill(reservation.backed.begin() + first, reservation.backed.begin() + last, true);
  return absl::OkStatus();
}

absl::Status CudaMemory::commit(DeviceRange range, std::uint64_t offset, std::uint64_t bytes) {
  if (offset > range.bytes || bytes > range.bytes - offset)
    return absl::InvalidArgumentError(absl::StrCat("commit of ", bytes, " bytes at ", offset,
                                                   " in a reservation of ", range.bytes));
  auto found = reservations.find(range.address);
  if (found == reservations.end())
    return absl::InvalidArgumentError("commit in a range that was not reserved");
  Reservation &reservation = found->second;
  const std::uint64_t end = (offset + bytes + unit - 1) / unit;
  for (std::uint64_t first = offset / unit; first < end;) {
    std::uint64_t last = first;
    while (last < end && !reservation.backed[last])
      ++last;
    if (last > first)
      if (absl::Status status = map(reservation, range.address, first, last); !status.ok())
        return outOfMemory(status, absl::StrCat("cannot commit ", bytes, " bytes on the GPU"),
                           (last - first) * unit);
    first = last + 1;
  }
  account(bytes);
  return absl::OkStatus();
}

void CudaMemory::release(DeviceRange range, std::uint64_t committed) {
  auto found = reservations.find(range.address);
  if (found == reservations.end())
    return;
  accounts.allocated -= committed;
  for (const Mapping &mapping : found->second.mappings)
    driver.cuMemUnmap(mapping.address, mapping.bytes).IgnoreError();
  driver.cuMemAddressFree(range.address, found->second.addressBytes).IgnoreError();
  reservations.erase(found);
}

} // namespace qvlrt
