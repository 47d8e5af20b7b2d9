// Memory in the order of streams, from pools.
#include "Entry.h"

#include <algorithm>

namespace qvlsim::driver {

CUresult cuDeviceGetDefaultMemPool(CUmemoryPool *pool, CUdevice device) {
  if (!pool)
    return CUDA_ERROR_INVALID_VALUE;
  if (device != 0 || !state().primary)
    return CUDA_ERROR_INVALID_DEVICE;
  *pool = reinterpret_cast<CUmemoryPool>(state().primary->defaultPool.get());
  return CUDA_SUCCESS;
}

static std::shared_ptr<Pool> findPool(CUmemoryPool handle) {
  if (reinterpret_cast<Pool *>(handle) == context().defaultPool.get())
    return context().defaultPool;
  return context().pools.find(handle);
}

CUresult cuMemPoolCreate(CUmemoryPool *pool, const CUmemPoolProps *properties) {
  if (!pool || !properties || properties->allocType != CU_MEM_ALLOCATION_TYPE_PINNED ||
      properties->location.type != CU_MEM_LOCATION_TYPE_DEVICE || properties->location.id != 0)
    return CUDA_ERROR_INVALID_VALUE;
  auto created = std::make_shared<Pool>();
  created->limit = properties->maxSize;
  *pool = context().pools.add(std::move(created));
  return CUDA_SUCCESS;
}

CUresult cuMemPoolDestroy(CUmemoryPool pool) {
  return context().pools.erase(pool) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

CUresult cuMemPoolSetAttribute(CUmemoryPool handle, CUmemPool_attribute attribute, void *value) {
  std::shared_ptr<Pool> pool = findPool(handle);
  if (!pool || !value)
    return CUDA_ERROR_INVALID_VALUE;
  const std::uint64_t number = *static_cast<cuuint64_t *>(value);
  switch (attribute) {
  case CU_MEMPOOL_ATTR_RELEASE_THRESHOLD:
    pool->threshold = number;
    return CUDA_SUCCESS;
  case CU_MEMPOOL_ATTR_USED_MEM_HIGH:
  case CU_MEMPOOL_ATTR_RESERVED_MEM_HIGH: // may only be reset
    if (number != 0)
      return CUDA_ERROR_INVALID_VALUE;
    pool->usedHigh = pool->used;
    return CUDA_SUCCESS;
  default:
    return attribute < CU_MEMPOOL_ATTR_RELEASE_THRESHOLD ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
  }
}

CUresult cuMemPoolGetAttribute(CUmemoryPool handle, CUmemPool_attribute attribute, void *value) {
  std::shared_ptr<Pool> pool = findPool(handle);
  if (!pool || !value)
    return CUDA_ERROR_INVALID_VALUE;
  auto *number = static_cast<cuuint64_t *>(value);
  switch (attribute) { // memory goes back at once: what is reserved is what is used
  case CU_MEMPOOL_ATTR_RELEASE_THRESHOLD:
    *number = pool->threshold;
    return CUDA_SUCCESS;
  case CU_MEMPOOL_ATTR_RESERVED_MEM_CURRENT:
  case CU_MEMPOOL_ATTR_USED_MEM_CURRENT:
    *number = pool->used;
    return CUDA_SUCCESS;
  case CU_MEMPOOL_ATTR_RESERVED_MEM_HIGH:
  case CU_MEMPOOL_ATTR_USED_MEM_HIGH:
    *number = pool->usedHigh;
    return CUDA_SUCCESS;
  default:
    return CUDA_ERROR_INVALID_VALUE;
  }
}

CUresult cuMemPoolTrimTo(CUmemoryPool pool, std::size_t) {
  return findPool(pool) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

static CUresult allocateFrom(std::shared_ptr<Pool> pool, CUdeviceptr *address, std::size_t bytes,
                             CUstream handle) {
  Context &device = context();
  Stream *stream = device.stream(handle);
  if (!stream)
    return CUDA_ERROR_INVALID_HANDLE;
  if (!address || bytes == 0 || !pool)
    return CUDA_ERROR_INVALID_VALUE;
  if (stream->capture)
    return CUDA_ERROR_NOT_SUPPORTED; // allocation nodes
  if (pool->limit != 0 && bytes > pool->limit - std::min(pool->limit, pool->used))
    return CUDA_ERROR_OUT_OF_MEMORY;
  // What the stream has freed before is there again only when that has run.
  CUresult result = cuMemAlloc_v2(address, bytes);
  if (result == CUDA_ERROR_OUT_OF_MEMORY && device.synchronize(*stream) == CUDA_SUCCESS)
    result = cuMemAlloc_v2(address, bytes);
  if (result != CUDA_SUCCESS)
    return result;
  device.allocations.erase(*address);
  pool->used += bytes;
  pool->usedHigh = std::max(pool->usedHigh, pool->used);
  device.pooled[*address] = {std::move(pool), bytes};
  return CUDA_SUCCESS;
}

CUresult cuMemAllocAsync(CUdeviceptr *address, std::size_t bytes, CUstream stream) {
  return allocateFrom(context().defaultPool, address, bytes, stream);
}

CUresult cuMemAllocFromPoolAsync(CUdeviceptr *address, std::size_t bytes, CUmemoryPool pool,
                                 CUstream stream) {
  return allocateFrom(findPool(pool), address, bytes, stream);
}

CUresult cuMemFreeAsync(CUdeviceptr address, CUstream handle) {
  Context &device = context();
  Stream *stream = device.stream(handle);
  if (!stream)
    return CUDA_ERROR_INVALID_HANDLE;
  auto found = device.pooled.find(address);
  if (found == device.pooled.end() || stream->capture)
    return CUDA_ERROR_INVALID_VALUE;
  auto [pool, bytes] = found->second;
  device.pooled.erase(found);
  const auto work = [&device, pool, bytes, address] {
    pool->used -= bytes;
    return device.memory.free(address).ok() ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
  };
  return device.submit(*stream, {CU_GRAPH_NODE_TYPE_MEM_FREE, work, nullptr});
}

} // namespace qvlsim::driver
