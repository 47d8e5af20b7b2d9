// Addresses, physical memory and the mapping between them. A handle is mapped whole and in one
// place.
#include "Entry.h"

#include <iterator>

namespace qvlsim::driver {

static constexpr std::uint64_t kGranularity = std::uint64_t{2} << 20;

static bool isGranular(std::uint64_t bytes) { return bytes != 0 && bytes % kGranularity == 0; }

/// Whether [address, address + bytes) lies in one reservation.
static bool isReserved(CUdeviceptr address, std::uint64_t bytes) {
  auto after = context().reservations.upper_bound(address);
  if (after == context().reservations.begin())
    return false;
  const auto &[begin, size] = *std::prev(after);
  return bytes <= size && address - begin <= size - bytes;
}

/// The memory mapped at an address, or null.
static PhysicalMemory *mappedAt(CUdeviceptr address) {
  for (auto &[handle, part] : context().physical)
    if (part.mappedAt == address)
      return &part;
  return nullptr;
}

/// Calls use(memory) for the mappings that cover a range exactly; INVALID_VALUE when they do not.
template <typename Use>
static CUresult forEachMapping(CUdeviceptr address, std::uint64_t bytes, Use use) {
  for (int pass = 0; pass < 2; ++pass) // look first, so that a refused call changes nothing
    for (std::uint64_t done = 0; done < bytes;) {
      PhysicalMemory *part = mappedAt(address + done);
      if (!part || part->bytes > bytes - done)
        return CUDA_ERROR_INVALID_VALUE;
      done += part->bytes;
      if (pass == 1)
        if (CUresult result = use(*part); result != CUDA_SUCCESS)
          return result;
    }
  return CUDA_SUCCESS;
}

CUresult cuMemGetAllocationGranularity(std::size_t *granularity,
                                       const CUmemAllocationProp *properties,
                                       CUmemAllocationGranularity_flags) {
  if (!granularity || !properties)
    return CUDA_ERROR_INVALID_VALUE;
  *granularity = kGranularity;
  return CUDA_SUCCESS;
}

CUresult cuMemAddressReserve(CUdeviceptr *address, std::size_t bytes, std::size_t alignment,
                             CUdeviceptr, unsigned long long flags) {
  if (!address || !isGranular(bytes) || flags != 0 || (alignment & (alignment - 1)) != 0)
    return CUDA_ERROR_INVALID_VALUE;
  if (bytes > std::uint64_t{1} << 46) // of 47 address bits
    return CUDA_ERROR_OUT_OF_MEMORY;
  absl::StatusOr<std::uint64_t> reserved =
      context().memory.reserve(bytes, std::max<std::uint64_t>(alignment, kGranularity));
  if (!reserved.ok())
    return CUDA_ERROR_OUT_OF_MEMORY;
  *address = *reserved;
  context().reservations[*reserved] = bytes;
  return CUDA_SUCCESS;
}

CUresult cuMemAddressFree(CUdeviceptr address, std::size_t bytes) {
  auto found = context().reservations.find(address);
  if (found == context().reservations.end() || found->second != bytes)
    return CUDA_ERROR_INVALID_VALUE;
  if (!context().memory.release(address).ok())
    return CUDA_ERROR_INVALID_VALUE; // parts are still mapped
  context().reservations.erase(found);
  return CUDA_SUCCESS;
}

CUresult cuMemCreate(CUmemGenericAllocationHandle *handle, std::size_t bytes,
                     const CUmemAllocationProp *properties, unsigned long long flags) {
  if (!handle || !isGranular(bytes) || !properties || flags != 0 ||
      properties->type != CU_MEM_ALLOCATION_TYPE_PINNED ||
      properties->location.type != CU_MEM_LOCATION_TYPE_DEVICE)
    return CUDA_ERROR_INVALID_VALUE;
  if (properties->location.id != 0)
    return CUDA_ERROR_INVALID_DEVICE;
  Context &device = context();
  const std::uint64_t used = device.usedBytes(), limit = device.memory.limit();
  if (used > limit || bytes > limit - used)
    return CUDA_ERROR_OUT_OF_MEMORY;
  *handle = device.nextPhysical++;
  device.physical[*handle] = {.bytes = bytes};
  return CUDA_SUCCESS;
}

/// Memory lives as long as its handle or its mapping.
static void eraseUnused() {
  std::erase_if(context().physical, [](const auto &entry) {
    return entry.second.released && entry.second.mappedAt == 0;
  });
}

CUresult cuMemRelease(CUmemGenericAllocationHandle handle) {
  auto found = context().physical.find(handle);
  if (found == context().physical.end() || found->second.released)
    return CUDA_ERROR_INVALID_VALUE;
  found->second.released = true;
  eraseUnused();
  return CUDA_SUCCESS;
}

CUresult cuMemMap(CUdeviceptr address, std::size_t bytes, std::size_t offset,
                  CUmemGenericAllocationHandle handle, unsigned long long flags) {
  auto found = context().physical.find(handle);
  if (found == context().physical.end() || found->second.released || flags != 0 ||
      address % kGranularity != 0 || !isReserved(address, bytes))
    return CUDA_ERROR_INVALID_VALUE;
  if (offset != 0 || bytes != found->second.bytes || found->second.mappedAt != 0)
    return CUDA_ERROR_NOT_SUPPORTED;
  for (const auto &[other, part] : context().physical)
    if (part.mappedAt != 0 && part.mappedAt < address + bytes &&
        address < part.mappedAt + part.bytes)
      return CUDA_ERROR_ALREADY_MAPPED;
  found->second.mappedAt = address;
  return CUDA_SUCCESS;
}

CUresult cuMemUnmap(CUdeviceptr address, std::size_t bytes) {
  CUresult earlier = context().synchronizeAll();
  CUresult result = forEachMapping(address, bytes, [](PhysicalMemory &part) {
    if (part.accessible)
      (void)context().memory.unmap(part.mappedAt);
    part.accessible = false;
    part.mappedAt = 0;
    return CUDA_SUCCESS;
  });
  eraseUnused();
  return result != CUDA_SUCCESS ? result : earlier;
}

CUresult cuMemSetAccess(CUdeviceptr address, std::size_t bytes, const CUmemAccessDesc *access,
                        std::size_t count) {
  if (!access || count != 1 || access->location.type != CU_MEM_LOCATION_TYPE_DEVICE ||
      access->location.id != 0 || access->flags != CU_MEM_ACCESS_FLAGS_PROT_READWRITE)
    return CUDA_ERROR_INVALID_VALUE;
  return forEachMapping(address, bytes, [](PhysicalMemory &part) {
    if (part.accessible)
      return CUDA_SUCCESS;
    if (!context().memory.map(part.mappedAt, part.bytes).ok())
      return CUDA_ERROR_OUT_OF_MEMORY;
    part.accessible = true;
    return CUDA_SUCCESS;
  });
}

} // namespace qvlsim::driver
