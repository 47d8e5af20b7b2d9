// Device allocations and pinned host memory.
#include "Entry.h"

namespace qvlsim::driver {

CUresult cuMemGetInfo_v2(std::size_t *free, std::size_t *total) {
  const std::uint64_t limit = context().memory.limit();
  if (free)
    *free = limit - std::min(limit, context().usedBytes());
  if (total)
    *total = limit;
  return CUDA_SUCCESS;
}

CUresult cuMemAlloc_v2(CUdeviceptr *address, std::size_t bytes) {
  if (!address || bytes == 0)
    return CUDA_ERROR_INVALID_VALUE;
  Context &device = context();
  if (CUresult result = device.refuseDuringCapture(); result != CUDA_SUCCESS)
    return result;
  const std::uint64_t used = device.usedBytes(), limit = device.memory.limit();
  if (used > limit || bytes > limit - used)
    return CUDA_ERROR_OUT_OF_MEMORY;
  absl::StatusOr<std::uint64_t> memory = device.memory.allocate(bytes);
  if (!memory.ok())
    return CUDA_ERROR_OUT_OF_MEMORY;
  *address = *memory;
  device.allocations[*memory] = bytes;
  return CUDA_SUCCESS;
}

CUresult cuMemFree_v2(CUdeviceptr address) {
  if (address == 0)
    return CUDA_SUCCESS;
  // Waits for everything that may still use the memory.
  CUresult result = context().synchronizeAll();
  if (context().allocations.erase(address) == 0)
    return context().pooled.count(address) ? cuMemFreeAsync(address, nullptr)
                                           : CUDA_ERROR_INVALID_VALUE;
  (void)context().memory.free(address);
  return result;
}

CUresult cuMemHostAlloc(void **host, std::size_t bytes, unsigned) {
  if (!host || bytes == 0)
    return CUDA_ERROR_INVALID_VALUE;
  if (bytes > context().memory.limit())
    return CUDA_ERROR_OUT_OF_MEMORY;
  std::unique_ptr<std::byte[]> memory(new (std::nothrow) std::byte[bytes]);
  if (!memory)
    return CUDA_ERROR_OUT_OF_MEMORY;
  CUresult result = cuMemHostRegister_v2(memory.get(), bytes, 0);
  if (result != CUDA_SUCCESS)
    return result;
  *host = memory.get();
  context().hostAllocations[reinterpret_cast<std::uintptr_t>(*host)] = std::move(memory);
  return CUDA_SUCCESS;
}

CUresult cuMemFreeHost(void *host) {
  auto found = context().hostAllocations.find(reinterpret_cast<std::uintptr_t>(host));
  if (found == context().hostAllocations.end())
    return CUDA_ERROR_INVALID_VALUE;
  CUresult result = cuMemHostUnregister(host);
  context().hostAllocations.erase(found);
  return result;
}

CUresult cuMemHostGetDevicePointer_v2(CUdeviceptr *address, void *host, unsigned flags) {
  if (!address || flags != 0 || !context().isPinned(host, 1))
    return CUDA_ERROR_INVALID_VALUE;
  *address = reinterpret_cast<CUdeviceptr>(host);
  return CUDA_SUCCESS;
}

CUresult cuMemHostRegister_v2(void *host, std::size_t bytes, unsigned) {
  const auto address = reinterpret_cast<std::uintptr_t>(host);
  if (!host || bytes == 0 || bytes > UINTPTR_MAX - address)
    return CUDA_ERROR_INVALID_VALUE;
  if (!context().memory.registerHost(host, bytes).ok())
    return CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED;
  context().registered[address] = bytes;
  return CUDA_SUCCESS;
}

CUresult cuMemHostUnregister(void *host) {
  CUresult result = context().synchronizeAll(); // copies may still read or write it
  if (context().registered.erase(reinterpret_cast<std::uintptr_t>(host)) == 0)
    return CUDA_ERROR_HOST_MEMORY_NOT_REGISTERED;
  (void)context().memory.unregisterHost(host);
  return result;
}

} // namespace qvlsim::driver
