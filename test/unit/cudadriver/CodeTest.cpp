// Modules, functions and what a launch may ask for.
#include "DriverFixture.h"

#include <array>

namespace qvlcuda::test {
namespace {

class Code : public DriverTest {
protected:
  void SetUp() override {
    DriverTest::SetUp();
    module = loadModule(testKernels());
    counts = allocate(256);
    EXPECT_CUDA(cuda().cuMemsetD32_v2(counts, 0, 64));
  }
  void TearDown() override {
    EXPECT_CUDA(cuda().cuMemFree_v2(counts));
    EXPECT_CUDA(cuda().cuModuleUnload(module));
    DriverTest::TearDown();
  }
  CUresult launch(const CUlaunchConfig &config, const char *kernel = "count_tiles") {
    void *parameters[] = {&counts, &kBytes};
    return cuda().cuLaunchKernelEx(&config, function(module, kernel), parameters, nullptr);
  }
  static CUlaunchConfig oneBlock() { return {1, 1, 1, 32, 1, 1, 0, nullptr, nullptr, 0}; }

  std::int64_t kBytes = 0;
  CUmodule module = nullptr;
  CUdeviceptr counts = 0;
};

TEST_F(Code, LogsErrorsWithTheirLine) {
  const std::string text = ".version 8.0\n.target sm_80\n.address_size 64\n"
                           ".visible .entry k() {\n  frobnicate.u32 %r1;\n  ret;\n}\n";
  std::array<char, 200> log{};
  CUjit_option options[] = {CU_JIT_ERROR_LOG_BUFFER, CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES};
  void *values[] = {log.data(), reinterpret_cast<void *>(log.size())};
  CUmodule broken = nullptr;
  EXPECT_EQ(cuda().cuModuleLoadDataEx(&broken, text.c_str(), 2, options, values),
            CUDA_ERROR_INVALID_PTX);
  EXPECT_NE(std::string(log.data()).find(":5: "), std::string::npos) << log.data();
}

TEST_F(Code, InBinaryFormIsRefused) {
  CUmodule binary = nullptr;
  EXPECT_EQ(cuda().cuModuleLoadData(&binary, "\x7f"
                                             "ELF\2\1\1"),
            CUDA_ERROR_NO_BINARY_FOR_GPU);
  EXPECT_EQ(cuda().cuModuleLoadData(&binary, "\x50\xed\x55\xba"), CUDA_ERROR_NO_BINARY_FOR_GPU);
  EXPECT_EQ(cuda().cuModuleLoadData(&binary, ""), CUDA_ERROR_INVALID_IMAGE);
  EXPECT_EQ(cuda().cuModuleLoadData(&binary, nullptr), CUDA_ERROR_INVALID_VALUE);
}

TEST_F(Code, FindsFunctionsByName) {
  CUfunction found;
  EXPECT_EQ(cuda().cuModuleGetFunction(&found, module, "absent"), CUDA_ERROR_NOT_FOUND);
  CUmodule stale = loadModule(testKernels());
  EXPECT_CUDA(cuda().cuModuleUnload(stale));
  EXPECT_EQ(cuda().cuModuleGetFunction(&found, stale, "affine"), CUDA_ERROR_INVALID_HANDLE);
  EXPECT_EQ(cuda().cuModuleUnload(stale), CUDA_ERROR_INVALID_HANDLE);
}

TEST_F(Code, ComesInLibrariesToo) {
  CUlibrary library = nullptr;
  CUkernel kernel = nullptr;
  CUfunction found = nullptr;
  ASSERT_CUDA(cuda().cuLibraryLoadData(&library, testKernels().c_str(), nullptr, nullptr, 0,
                                       nullptr, nullptr, 0));
  ASSERT_CUDA(cuda().cuLibraryGetKernel(&kernel, library, "count_tiles"));
  ASSERT_CUDA(cuda().cuKernelGetFunction(&found, kernel));
  EXPECT_CUDA(countTiles(found, counts, 2, nullptr));
  EXPECT_EQ(read(counts, 3), (std::vector<std::int32_t>{1, 1, 0}));
  EXPECT_CUDA(cuda().cuLibraryUnload(library));
}

TEST_F(Code, HasVariables) {
  CUmodule variables = loadModule(".version 8.0\n.target sm_80\n.address_size 64\n"
                                  ".visible .global .align 4 .u32 table[3] = {7, 8, 9};\n");
  CUdeviceptr address = 0;
  std::size_t bytes = 0;
  EXPECT_CUDA(cuda().cuModuleGetGlobal_v2(&address, &bytes, variables, "table"));
  EXPECT_EQ(bytes, 12u);
  EXPECT_EQ(read(address, 3), (std::vector<std::int32_t>{7, 8, 9}));
  EXPECT_EQ(cuda().cuModuleGetGlobal_v2(&address, &bytes, variables, "x"), CUDA_ERROR_NOT_FOUND);
  EXPECT_CUDA(cuda().cuModuleUnload(variables));
}

TEST_F(Code, IsLaunchedWithinItsLimits) {
  CUlaunchConfig config = oneBlock();
  EXPECT_CUDA(launch(config));
  config.blockDimX = 33; // .maxntid 32
  EXPECT_EQ(launch(config), CUDA_ERROR_INVALID_VALUE);
  config.blockDimX = 0;
  EXPECT_EQ(launch(config), CUDA_ERROR_INVALID_VALUE);
  config = oneBlock();
  config.gridDimY = 65536;
  EXPECT_EQ(launch(config), CUDA_ERROR_INVALID_VALUE);
  config = oneBlock();
  EXPECT_EQ(cuda().cuLaunchKernelEx(&config, function(module, "count_tiles"), nullptr, nullptr),
            CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(cuda().cuLaunchKernelEx(&config, reinterpret_cast<CUfunction>(8), nullptr, nullptr),
            CUDA_ERROR_INVALID_HANDLE);
  EXPECT_EQ(read(counts, 1).front(), 1);
}

TEST_F(Code, OptsIntoLargeSharedMemory) {
  CUfunction kernel = function(module, "probe_scratch");
  constexpr auto kAttribute = CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES;
  CUlaunchConfig config = oneBlock();
  config.sharedMemBytes = 49152;
  EXPECT_CUDA(launch(config, "probe_scratch"));
  config.sharedMemBytes = 49153;
  EXPECT_EQ(launch(config, "probe_scratch"), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(cuda().cuFuncSetAttribute(kernel, kAttribute, 232449), CUDA_ERROR_INVALID_VALUE);
  EXPECT_CUDA(cuda().cuFuncSetAttribute(kernel, kAttribute, 232448));
  config.sharedMemBytes = 232448;
  EXPECT_CUDA(launch(config, "probe_scratch"));
  EXPECT_CUDA(cuda().cuCtxSynchronize());
}

TEST_F(Code, IsLaunchedInClusters) {
  CUlaunchAttribute attribute{};
  attribute.id = CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION;
  CUlaunchConfig config = oneBlock();
  config.gridDimX = 16;
  config.attrs = &attribute;
  config.numAttrs = 1;
  const auto launchWith = [&](unsigned blocks) {
    attribute.value.clusterDim = {blocks, 1, 1};
    return launch(config);
  };
  EXPECT_CUDA(launchWith(8));
  EXPECT_EQ(launchWith(3), CUDA_ERROR_INVALID_CLUSTER_SIZE); // 16 is no multiple
  EXPECT_EQ(launchWith(0), CUDA_ERROR_INVALID_CLUSTER_SIZE);
  EXPECT_EQ(launchWith(16), CUDA_ERROR_INVALID_CLUSTER_SIZE);
  EXPECT_CUDA(cuda().cuFuncSetAttribute(function(module, "count_tiles"),
                                        CU_FUNC_ATTRIBUTE_NON_PORTABLE_CLUSTER_SIZE_ALLOWED, 1));
  EXPECT_CUDA(launchWith(16));
  EXPECT_EQ(read(counts, 16), std::vector<std::int32_t>(16, 2));
}

TEST_F(Code, TellsItsOccupancy) {
  CUfunction kernel = function(module, "probe_scratch");
  int blocks = 0, threads = 0;
  EXPECT_CUDA(cuda().cuOccupancyMaxActiveBlocksPerMultiprocessor(&blocks, kernel, 1024, 0));
  EXPECT_EQ(blocks, 2);
  EXPECT_CUDA(cuda().cuOccupancyMaxActiveBlocksPerMultiprocessor(&blocks, kernel, 32, 232448));
  EXPECT_EQ(blocks, 1);
  EXPECT_CUDA(cuda().cuFuncGetAttribute(&threads, CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK, kernel));
  EXPECT_EQ(threads, 32);
}

} // namespace
} // namespace qvlcuda::test
