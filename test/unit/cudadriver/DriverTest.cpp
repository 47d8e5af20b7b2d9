// Initialisation, the device, errors.
#include "DriverFixture.h"

#include <cstdlib>
#include <thread>

namespace qvlcuda::test {
namespace {

class Driver : public DriverTest {};

TEST_F(Driver, SaysThatItIsASimulator) {
  char name[64];
  EXPECT_CUDA(cuda().cuDeviceGetName(name, sizeof(name), 0));
  EXPECT_EQ(std::string(name), "PTX simulator (sm_90a)");
  int version = 0, count = 0, major = 0;
  EXPECT_CUDA(cuda().cuDriverGetVersion(&version));
  EXPECT_EQ(version, kInterfaceVersion);
  EXPECT_CUDA(cuda().cuDeviceGetCount(&count));
  EXPECT_EQ(count, 1);
  EXPECT_CUDA(cuda().cuDeviceGetAttribute(&major, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR, 0));
  EXPECT_EQ(major, 9);
  CUdevice device;
  EXPECT_EQ(cuda().cuDeviceGet(&device, 1), CUDA_ERROR_INVALID_DEVICE);
}

TEST_F(Driver, IsNotFoundByItsUsualName) {
  // It is loaded now; a program that asks for the system's driver must not get it.
  void *other = dlopen("libcuda.so.1", RTLD_NOW | RTLD_NOLOAD);
  EXPECT_TRUE(!other || !dlsym(other, "qvlPtxSimCalls"));
}

TEST_F(Driver, NamesItsErrors) {
  const char *text = nullptr;
  EXPECT_CUDA(cuda().cuGetErrorName(CUDA_ERROR_MISALIGNED_ADDRESS, &text));
  EXPECT_STREQ(text, "CUDA_ERROR_MISALIGNED_ADDRESS");
  EXPECT_CUDA(cuda().cuGetErrorString(CUDA_ERROR_MISALIGNED_ADDRESS, &text));
  EXPECT_STREQ(text, "misaligned address");
  EXPECT_EQ(cuda().cuGetErrorName(static_cast<CUresult>(998), &text), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(text, nullptr);
}

TEST_F(Driver, GivesEntryPoints) {
  void *address = nullptr;
  CUdriverProcAddressQueryResult found;
  EXPECT_CUDA(cuda().cuGetProcAddress_v2("cuMemAlloc", &address, 13000, 0, &found));
  EXPECT_EQ(address, reinterpret_cast<void *>(cuda().cuMemAlloc_v2));
  EXPECT_CUDA(cuda().cuGetProcAddress_v2("cuNothing", &address, 13000, 0, &found));
  EXPECT_EQ(found, CU_GET_PROC_ADDRESS_SYMBOL_NOT_FOUND);
  EXPECT_EQ(cuda().cuGetProcAddress_v2("cuNothing", &address, 13000, 0, nullptr),
            CUDA_ERROR_NOT_FOUND);
}

TEST_F(Driver, HasACurrentContextPerThread) {
  CUresult elsewhere = CUDA_SUCCESS;
  std::thread([&] {
    CUdeviceptr address;
    elsewhere = cuda().cuMemAlloc_v2(&address, 1);
  }).join();
  EXPECT_EQ(elsewhere, CUDA_ERROR_INVALID_CONTEXT);
  EXPECT_EQ(cuda().cuCtxSetCurrent(reinterpret_cast<CUcontext>(0x1234)),
            CUDA_ERROR_INVALID_CONTEXT);
}

TEST_F(Driver, RefusesMalformedConfigurations) {
  for (const auto &[name, value] :
       {std::pair("QVL_PTXSIM_ASYNC", "soon"), std::pair("QVL_PTXSIM_SEED", "-1"),
        std::pair("QVL_PTXSIM_MEMORY", "8G"), std::pair("QVL_PTXSIM_FAIL", "3")}) {
    setenv(name, value, 1);
    EXPECT_EQ(cuda().cuInit(0), CUDA_ERROR_INVALID_VALUE) << name;
    unsetenv(name);
  }
  EXPECT_CUDA(cuda().cuInit(0));
}

TEST_F(Driver, LosesItsContextOnceAndForAll) {
  CUmodule module = loadModule(testKernels());
  CUdeviceptr counts = allocate(64);
  EXPECT_CUDA(countTiles(function(module, "count_tiles"), counts, 1 << 12, nullptr));
  EXPECT_EQ(cuda().cuCtxSynchronize(), CUDA_ERROR_ILLEGAL_ADDRESS);
  CUdeviceptr other;
  EXPECT_EQ(cuda().cuMemAlloc_v2(&other, 1), CUDA_ERROR_ILLEGAL_ADDRESS);
  EXPECT_EQ(cuda().cuMemFree_v2(counts), CUDA_ERROR_ILLEGAL_ADDRESS);
  EXPECT_EQ(cuda().cuModuleUnload(module), CUDA_ERROR_ILLEGAL_ADDRESS);
  EXPECT_CUDA(cuda().cuDevicePrimaryCtxRelease_v2(0));
  EXPECT_CUDA(cuda().cuDevicePrimaryCtxRetain(&context, 0));
  EXPECT_CUDA(cuda().cuCtxSetCurrent(context));
  EXPECT_CUDA(cuda().cuMemFree_v2(allocate(1)));
}

} // namespace
} // namespace qvlcuda::test
