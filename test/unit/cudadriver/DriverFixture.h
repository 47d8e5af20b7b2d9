// The simulator's driver library, as any program would use it.
#pragma once

#include "qvlfmt/CudaDriver.h"

#include <cstdint>
#include <dlfcn.h>
#include <fstream>
#include <gtest/gtest.h>
#include <iterator>
#include <string>
#include <vector>

namespace qvlcuda::test {

/// All exported functions.
struct Api {
#define QVL_CUDA_FUNCTION(symbol, parameters, arguments) CUresult(*symbol) parameters = nullptr;
#include "qvlfmt/CudaDriverFunctions.inc"
  std::uint64_t (*leaks)() = nullptr;

  Api() {
    void *library = dlopen(QVL_SIMULATED_CUDA_DRIVER, RTLD_NOW | RTLD_LOCAL);
    if (!library) {
      std::fprintf(stderr, "%s\n", dlerror());
      std::abort();
    }
#define QVL_CUDA_FUNCTION(symbol, parameters, arguments)                                           \
  symbol = reinterpret_cast<CUresult(*) parameters>(dlsym(library, #symbol));
#include "qvlfmt/CudaDriverFunctions.inc"
    leaks = reinterpret_cast<std::uint64_t (*)()>(dlsym(library, "qvlPtxSimLeaks"));
  }
};

inline const Api &cuda() {
  static const Api api; // the library stays open
  return api;
}

#define EXPECT_CUDA(call) EXPECT_EQ(call, CUDA_SUCCESS)
#define ASSERT_CUDA(call) ASSERT_EQ(call, CUDA_SUCCESS)

/// A fresh context for each test, which must give back all that it took.
class DriverTest : public testing::Test {
protected:
  void SetUp() override {
    ASSERT_CUDA(cuda().cuInit(0));
    ASSERT_CUDA(cuda().cuDevicePrimaryCtxRetain(&context, 0));
    ASSERT_CUDA(cuda().cuCtxSetCurrent(context));
  }
  void TearDown() override {
    const std::uint64_t before = cuda().leaks();
    EXPECT_CUDA(cuda().cuDevicePrimaryCtxRelease_v2(0));
    EXPECT_EQ(cuda().leaks(), before);
  }

  static std::string testKernels() {
    std::ifstream file(QVL_SOURCE_DIR "/test/conformance/devices/TestKernels.ptx");
    return {std::istreambuf_iterator<char>(file), {}};
  }
  CUmodule loadModule(const std::string &text) {
    CUmodule module = nullptr;
    EXPECT_CUDA(cuda().cuModuleLoadData(&module, text.c_str()));
    return module;
  }
  CUfunction function(CUmodule module, const char *name) {
    CUfunction found = nullptr;
    EXPECT_CUDA(cuda().cuModuleGetFunction(&found, module, name));
    return found;
  }
  /// Zeroed: a kernel that reads what nothing has written is a fault. Waits, as streams that do not
  /// block are not ordered after the memset.
  CUdeviceptr allocate(std::size_t bytes) {
    CUdeviceptr address = 0;
    EXPECT_CUDA(cuda().cuMemAlloc_v2(&address, bytes));
    EXPECT_CUDA(cuda().cuMemsetD8_v2(address, 0, bytes));
    EXPECT_CUDA(cuda().cuCtxSynchronize());
    return address;
  }
  CUstream newStream(unsigned flags = CU_STREAM_NON_BLOCKING) {
    CUstream stream = nullptr;
    EXPECT_CUDA(cuda().cuStreamCreate(&stream, flags));
    return stream;
  }
  std::vector<std::int32_t> read(CUdeviceptr address, std::size_t count) {
    std::vector<std::int32_t> values(count);
    EXPECT_CUDA(cuda().cuMemcpyDtoH_v2(values.data(), address, 4 * count));
    return values;
  }
  /// One launch of count_tiles over `tiles` tiles.
  CUresult countTiles(CUfunction kernel, CUdeviceptr counts, unsigned tiles, CUstream stream) {
    void *parameters[] = {&counts};
    return cuda().cuLaunchKernel(kernel, tiles, 1, 1, 32, 1, 1, 0, stream, parameters, nullptr);
  }

  CUcontext context = nullptr;
};

} // namespace qvlcuda::test
