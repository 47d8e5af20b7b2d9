// The order of work.
#include "DriverFixture.h"

namespace qvlcuda::test {
namespace {

class Streams : public DriverTest {
protected:
  void SetUp() override {
    DriverTest::SetUp();
    module = loadModule(testKernels());
    kernel = function(module, "count_tiles");
    counts = allocate(16);
    ASSERT_CUDA(cuda().cuMemHostAlloc(&pinnedMemory, 16, 0));
    pinned = static_cast<std::int32_t *>(pinnedMemory);
    std::fill_n(pinned, 4, 0);
    ASSERT_CUDA(cuda().cuMemcpyHtoD_v2(counts, pinned, 16));
  }
  void TearDown() override {
    EXPECT_CUDA(cuda().cuMemFreeHost(pinnedMemory));
    EXPECT_CUDA(cuda().cuMemFree_v2(counts));
    EXPECT_CUDA(cuda().cuModuleUnload(module));
    DriverTest::TearDown();
  }

  CUmodule module = nullptr;
  CUfunction kernel = nullptr;
  CUdeviceptr counts = 0;
  void *pinnedMemory = nullptr;
  std::int32_t *pinned = nullptr;
};

TEST_F(Streams, RunWhenSomethingWaits) {
  CUstream stream = newStream();
  pinned[0] = 1;
  EXPECT_CUDA(cuda().cuMemcpyHtoDAsync_v2(counts, pinned, 16, stream));
  pinned[0] = 5; // too early: the copy has not run
  EXPECT_CUDA(cuda().cuMemcpyDtoHAsync_v2(pinned + 2, counts, 4, stream));
  EXPECT_EQ(pinned[2], 0);
  EXPECT_EQ(cuda().cuStreamQuery(stream), CUDA_ERROR_NOT_READY);
  EXPECT_CUDA(cuda().cuStreamSynchronize(stream));
  EXPECT_EQ(pinned[2], 5);
  EXPECT_CUDA(cuda().cuStreamQuery(stream));
  EXPECT_CUDA(cuda().cuStreamDestroy_v2(stream));
}

TEST_F(Streams, StagePageableMemory) {
  CUstream stream = newStream();
  std::int32_t pageable = 3, back = 0;
  EXPECT_CUDA(cuda().cuMemcpyHtoDAsync_v2(counts, &pageable, 4, stream));
  pageable = 4;
  EXPECT_CUDA(cuda().cuMemcpyDtoHAsync_v2(&back, counts, 4, stream));
  EXPECT_EQ(back, 3);
  EXPECT_CUDA(cuda().cuStreamDestroy_v2(stream));
}

TEST_F(Streams, AreOrderedWithTheLegacyStreamWhenBlocking) {
  CUstream blocking = newStream(0), free = newStream();
  EXPECT_CUDA(countTiles(kernel, counts, 1, blocking));
  EXPECT_CUDA(countTiles(kernel, counts + 4, 1, free));
  EXPECT_EQ(read(counts, 2), (std::vector<std::int32_t>{1, 0}));
  EXPECT_CUDA(cuda().cuStreamSynchronize(free));
  EXPECT_EQ(read(counts, 2), (std::vector<std::int32_t>{1, 1}));
  // And the other way round.
  EXPECT_CUDA(cuda().cuMemsetD32Async(counts, 9, 1, nullptr));
  EXPECT_CUDA(countTiles(kernel, counts, 1, blocking));
  EXPECT_CUDA(cuda().cuStreamSynchronize(blocking));
  EXPECT_EQ(read(counts, 1).front(), 10);
  EXPECT_CUDA(cuda().cuStreamDestroy_v2(blocking));
  EXPECT_CUDA(cuda().cuStreamDestroy_v2(free));
}

TEST_F(Streams, WaitForEvents) {
  CUstream first = newStream(), second = newStream();
  CUevent event = nullptr;
  EXPECT_CUDA(cuda().cuEventCreate(&event, 0));
  EXPECT_CUDA(cuda().cuMemsetD32Async(counts, 9, 1, first));
  EXPECT_CUDA(cuda().cuEventRecord(event, first));
  EXPECT_CUDA(cuda().cuStreamWaitEvent(second, event, 0));
  EXPECT_CUDA(countTiles(kernel, counts, 1, second));
  EXPECT_EQ(cuda().cuEventQuery(event), CUDA_ERROR_NOT_READY);
  EXPECT_CUDA(cuda().cuStreamSynchronize(second));
  EXPECT_CUDA(cuda().cuEventQuery(event));
  EXPECT_EQ(read(counts, 1).front(), 10);
  EXPECT_CUDA(cuda().cuEventDestroy_v2(event));
  EXPECT_EQ(cuda().cuEventRecord(event, first), CUDA_ERROR_INVALID_HANDLE);
  EXPECT_CUDA(cuda().cuStreamDestroy_v2(first));
  EXPECT_CUDA(cuda().cuStreamDestroy_v2(second));
  EXPECT_EQ(cuda().cuStreamSynchronize(first), CUDA_ERROR_INVALID_HANDLE);
}

TEST_F(Streams, MeasureTime) {
  CUevent start = nullptr, end = nullptr;
  float milliseconds = -1;
  EXPECT_CUDA(cuda().cuEventCreate(&start, 0));
  EXPECT_CUDA(cuda().cuEventCreate(&end, 0));
  EXPECT_EQ(cuda().cuEventElapsedTime(&milliseconds, start, end), CUDA_ERROR_INVALID_HANDLE);
  EXPECT_CUDA(cuda().cuEventRecord(start, nullptr));
  EXPECT_CUDA(countTiles(kernel, counts, 4, nullptr));
  EXPECT_CUDA(cuda().cuEventRecord(end, nullptr));
  EXPECT_EQ(cuda().cuEventElapsedTime(&milliseconds, start, end), CUDA_ERROR_NOT_READY);
  EXPECT_CUDA(cuda().cuEventSynchronize(end));
  EXPECT_CUDA(cuda().cuEventElapsedTime(&milliseconds, start, end));
  EXPECT_GT(milliseconds, 0);
  EXPECT_CUDA(cuda().cuEventDestroy_v2(start));
  EXPECT_CUDA(cuda().cuEventDestroy_v2(end));
}

TEST_F(Streams, CallTheHostInOrder) {
  struct Seen {
    const std::int32_t *memory;
    std::int32_t value = -1;
  } seen{pinned};
  CUstream stream = newStream();
  EXPECT_CUDA(countTiles(kernel, counts, 1, stream));
  EXPECT_CUDA(cuda().cuMemcpyDtoHAsync_v2(pinned, counts, 4, stream));
  const CUhostFn look = [](void *user) {
    auto *seen = static_cast<Seen *>(user);
    seen->value = *seen->memory;
  };
  EXPECT_CUDA(cuda().cuLaunchHostFunc(stream, look, &seen));
  EXPECT_CUDA(cuda().cuStreamSynchronize(stream));
  EXPECT_EQ(seen.value, 1);
  EXPECT_CUDA(cuda().cuStreamDestroy_v2(stream));
}

TEST_F(Streams, GrowLong) {
  CUstream stream = newStream();
  for (int i = 0; i < 20000; ++i)
    ASSERT_CUDA(cuda().cuMemsetD32Async(counts, i, 1, stream));
  EXPECT_CUDA(cuda().cuStreamSynchronize(stream));
  EXPECT_EQ(read(counts, 1).front(), 19999);
  for (int i = 0; i < 20000; ++i) // and are dropped with their context
    ASSERT_CUDA(cuda().cuMemsetD32Async(counts, i, 1, stream));
  EXPECT_CUDA(cuda().cuStreamDestroy_v2(stream));
}

TEST_F(Streams, HavePriorities) {
  CUstream stream = nullptr;
  int priority = 0;
  EXPECT_CUDA(cuda().cuStreamCreateWithPriority(&stream, CU_STREAM_NON_BLOCKING, -99));
  EXPECT_CUDA(cuda().cuStreamGetPriority(stream, &priority));
  EXPECT_EQ(priority, -5);
  EXPECT_CUDA(cuda().cuStreamDestroy_v2(stream));
}

} // namespace
} // namespace qvlcuda::test
