// Allocations, pools, virtual memory, pinned memory.
#include "DriverFixture.h"

#include <cstdlib>

namespace qvlcuda::test {
namespace {

class Memory : public DriverTest {
protected:
  std::size_t freeBytes() {
    std::size_t free = 0, total = 0;
    EXPECT_CUDA(cuda().cuMemGetInfo_v2(&free, &total));
    EXPECT_LE(free, total);
    return free;
  }
  static constexpr std::size_t kUnit = 2 << 20;
};

TEST_F(Memory, IsFinite) {
  CUdeviceptr address = 0;
  const std::size_t free = freeBytes();
  EXPECT_EQ(cuda().cuMemAlloc_v2(&address, free + 1), CUDA_ERROR_OUT_OF_MEMORY);
  EXPECT_EQ(cuda().cuMemAlloc_v2(&address, SIZE_MAX), CUDA_ERROR_OUT_OF_MEMORY);
  EXPECT_EQ(cuda().cuMemAlloc_v2(&address, 0), CUDA_ERROR_INVALID_VALUE);
  address = allocate(1000);
  EXPECT_LE(freeBytes(), free - 1000);
  EXPECT_EQ(address % 256, 0u);
  EXPECT_EQ(cuda().cuMemFree_v2(address + 4), CUDA_ERROR_INVALID_VALUE);
  EXPECT_CUDA(cuda().cuMemFree_v2(address));
  EXPECT_EQ(cuda().cuMemFree_v2(address), CUDA_ERROR_INVALID_VALUE);
  EXPECT_CUDA(cuda().cuMemFree_v2(0));
  EXPECT_EQ(freeBytes(), free);
}

TEST_F(Memory, IsCopiedAndFilledInBounds) {
  CUdeviceptr address = allocate(64);
  std::vector<std::int32_t> host(32, 1);
  EXPECT_EQ(cuda().cuMemcpyHtoD_v2(address, host.data(), 65), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(cuda().cuMemcpyDtoH_v2(host.data(), address + 60, 8), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(cuda().cuMemsetD32_v2(address + 2, 0, 1), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(cuda().cuMemsetD32_v2(address, 0, SIZE_MAX / 2), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(cuda().cuMemcpyDtoD_v2(address, 16, 4), CUDA_ERROR_INVALID_VALUE);
  EXPECT_CUDA(cuda().cuMemsetD16_v2(address, 0x0102, 32));
  EXPECT_CUDA(cuda().cuMemsetD8_v2(address + 4, 7, 4));
  EXPECT_EQ(read(address, 3), (std::vector<std::int32_t>{0x01020102, 0x07070707, 0x01020102}));
  EXPECT_CUDA(cuda().cuMemFree_v2(address));
}

TEST_F(Memory, ComesFromPools) {
  CUmemPoolProps properties{};
  properties.allocType = CU_MEM_ALLOCATION_TYPE_PINNED;
  properties.location = {CU_MEM_LOCATION_TYPE_DEVICE, 0};
  properties.maxSize = 1 << 20;
  CUmemoryPool pool = nullptr;
  ASSERT_CUDA(cuda().cuMemPoolCreate(&pool, &properties));
  CUstream stream = newStream();
  CUdeviceptr address = 0, other = 0;
  ASSERT_CUDA(cuda().cuMemAllocFromPoolAsync(&address, 1 << 19, pool, stream));
  EXPECT_EQ(cuda().cuMemAllocFromPoolAsync(&other, (1 << 19) + 1, pool, stream),
            CUDA_ERROR_OUT_OF_MEMORY);
  EXPECT_CUDA(cuda().cuMemsetD8Async(address, 1, 1 << 19, stream));
  EXPECT_CUDA(cuda().cuMemFreeAsync(address, stream));
  EXPECT_CUDA(cuda().cuStreamSynchronize(stream));
  cuuint64_t used = 1, high = 0;
  EXPECT_CUDA(cuda().cuMemPoolGetAttribute(pool, CU_MEMPOOL_ATTR_USED_MEM_CURRENT, &used));
  EXPECT_CUDA(cuda().cuMemPoolGetAttribute(pool, CU_MEMPOOL_ATTR_USED_MEM_HIGH, &high));
  EXPECT_EQ(used, 0u);
  EXPECT_EQ(high, 1u << 19);
  EXPECT_EQ(cuda().cuMemFreeAsync(address, stream), CUDA_ERROR_INVALID_VALUE);
  EXPECT_CUDA(cuda().cuMemAllocAsync(&address, 16, stream)); // of the default pool
  EXPECT_CUDA(cuda().cuMemFree_v2(address));
  EXPECT_CUDA(cuda().cuStreamDestroy_v2(stream));
  EXPECT_CUDA(cuda().cuMemPoolDestroy(pool));
}

TEST_F(Memory, IsMappedByUnits) {
  CUmemAllocationProp properties{};
  properties.type = CU_MEM_ALLOCATION_TYPE_PINNED;
  properties.location = {CU_MEM_LOCATION_TYPE_DEVICE, 0};
  const CUmemAccessDesc access{properties.location, CU_MEM_ACCESS_FLAGS_PROT_READWRITE};
  const std::size_t free = freeBytes();
  std::size_t unit = 0;
  EXPECT_CUDA(
      cuda().cuMemGetAllocationGranularity(&unit, &properties, CU_MEM_ALLOC_GRANULARITY_MINIMUM));
  ASSERT_EQ(unit, kUnit);
  CUdeviceptr base = 0;
  EXPECT_EQ(cuda().cuMemAddressReserve(&base, 4096, 0, 0, 0), CUDA_ERROR_INVALID_VALUE);
  ASSERT_CUDA(cuda().cuMemAddressReserve(&base, 4 * kUnit, 0, 0, 0));
  EXPECT_EQ(freeBytes(), free);
  CUmemGenericAllocationHandle handle = 0;
  ASSERT_CUDA(cuda().cuMemCreate(&handle, kUnit, &properties, 0));
  EXPECT_EQ(freeBytes(), free - kUnit);
  EXPECT_EQ(cuda().cuMemMap(base + 4 * kUnit, kUnit, 0, handle, 0), CUDA_ERROR_INVALID_VALUE);
  ASSERT_CUDA(cuda().cuMemMap(base + kUnit, kUnit, 0, handle, 0));
  EXPECT_EQ(cuda().cuMemsetD8_v2(base + kUnit, 1, 1), CUDA_ERROR_INVALID_VALUE); // no access yet
  ASSERT_CUDA(cuda().cuMemSetAccess(base + kUnit, kUnit, &access, 1));
  EXPECT_CUDA(cuda().cuMemRelease(handle)); // the mapping keeps the memory
  EXPECT_CUDA(cuda().cuMemsetD32_v2(base + kUnit, 7, kUnit / 4));
  EXPECT_EQ(read(base + 2 * kUnit - 4, 1).front(), 7);
  EXPECT_EQ(cuda().cuMemsetD8_v2(base + 2 * kUnit, 1, 1), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(freeBytes(), free - kUnit);
  EXPECT_EQ(cuda().cuMemUnmap(base, 2 * kUnit), CUDA_ERROR_INVALID_VALUE);
  EXPECT_CUDA(cuda().cuMemUnmap(base + kUnit, kUnit));
  EXPECT_EQ(freeBytes(), free);
  EXPECT_CUDA(cuda().cuMemAddressFree(base, 4 * kUnit));
  EXPECT_EQ(cuda().cuMemCreate(&handle, (free / kUnit + 1) * kUnit, &properties, 0),
            CUDA_ERROR_OUT_OF_MEMORY);
}

TEST_F(Memory, OfTheHostIsRegisteredOnce) {
  std::vector<std::int32_t> host(1024, 3);
  EXPECT_CUDA(cuda().cuMemHostRegister_v2(host.data(), 4096, 0));
  EXPECT_EQ(cuda().cuMemHostRegister_v2(host.data(), 4096, 0),
            CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED);
  CUdeviceptr address = 0;
  EXPECT_CUDA(cuda().cuMemHostGetDevicePointer_v2(&address, host.data(), 0));
  CUdeviceptr device = allocate(4096);
  EXPECT_CUDA(cuda().cuMemcpyDtoD_v2(device, address, 4096));
  EXPECT_EQ(read(device, 1024), host);
  EXPECT_CUDA(cuda().cuMemFree_v2(device));
  EXPECT_CUDA(cuda().cuMemHostUnregister(host.data()));
  EXPECT_EQ(cuda().cuMemHostUnregister(host.data()), CUDA_ERROR_HOST_MEMORY_NOT_REGISTERED);
}

} // namespace
} // namespace qvlcuda::test
