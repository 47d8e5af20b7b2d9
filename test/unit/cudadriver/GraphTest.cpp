// Capture, graphs, updates.
#include "DriverFixture.h"

namespace qvlcuda::test {
namespace {

class Graphs : public DriverTest {
protected:
  void SetUp() override {
    DriverTest::SetUp();
    module = loadModule(testKernels());
    kernel = function(module, "count_tiles");
    counts = allocate(64);
    stream = newStream();
  }
  void TearDown() override {
    EXPECT_CUDA(cuda().cuStreamDestroy_v2(stream));
    EXPECT_CUDA(cuda().cuMemFree_v2(counts));
    EXPECT_CUDA(cuda().cuModuleUnload(module));
    DriverTest::TearDown();
  }

  void begin() {
    ASSERT_CUDA(cuda().cuStreamBeginCapture_v2(stream, CU_STREAM_CAPTURE_MODE_THREAD_LOCAL));
  }
  CUgraph end(CUresult expected = CUDA_SUCCESS) {
    CUgraph graph = nullptr;
    EXPECT_EQ(cuda().cuStreamEndCapture(stream, &graph), expected);
    return graph;
  }
  /// One launch over `tiles` tiles, captured.
  CUgraph captureLaunch(unsigned tiles) {
    begin();
    EXPECT_CUDA(countTiles(kernel, counts, tiles, stream));
    return end();
  }
  CUgraphExec instantiate(CUgraph graph) {
    CUgraphExec executable = nullptr;
    EXPECT_CUDA(cuda().cuGraphInstantiateWithFlags(&executable, graph, 0));
    return executable;
  }
  void launch(CUgraphExec executable) {
    EXPECT_CUDA(cuda().cuGraphLaunch(executable, stream));
    EXPECT_CUDA(cuda().cuStreamSynchronize(stream));
  }

  CUmodule module = nullptr;
  CUfunction kernel = nullptr;
  CUdeviceptr counts = 0;
  CUstream stream = nullptr;
};

TEST_F(Graphs, RunWhatWasCaptured) {
  begin();
  EXPECT_CUDA(cuda().cuMemsetD32Async(counts, 5, 4, stream));
  EXPECT_CUDA(countTiles(kernel, counts, 2, stream));
  CUstreamCaptureStatus status;
  EXPECT_CUDA(cuda().cuStreamIsCapturing(stream, &status));
  EXPECT_EQ(status, CU_STREAM_CAPTURE_STATUS_ACTIVE);
  CUgraph graph = end();
  EXPECT_CUDA(cuda().cuStreamSynchronize(stream));
  EXPECT_EQ(read(counts, 1).front(), 0); // nothing ran
  std::size_t count = 0;
  EXPECT_CUDA(cuda().cuGraphGetNodes(graph, nullptr, &count));
  EXPECT_EQ(count, 2u);
  CUgraphExec executable = instantiate(graph);
  EXPECT_CUDA(cuda().cuGraphDestroy(graph)); // the executable has its own
  for (int i = 0; i < 2; ++i) {
    launch(executable);
    EXPECT_EQ(read(counts, 4), (std::vector<std::int32_t>{6, 6, 5, 5}));
  }
  EXPECT_CUDA(cuda().cuGraphExecDestroy(executable));
}

TEST_F(Graphs, TakeNewParameters) {
  CUgraph graph = captureLaunch(1);
  CUgraphExec executable = instantiate(graph);
  CUgraphNode node = nullptr;
  std::size_t count = 1;
  EXPECT_CUDA(cuda().cuGraphGetNodes(graph, &node, &count));
  CUDA_KERNEL_NODE_PARAMS parameters{};
  EXPECT_CUDA(cuda().cuGraphKernelNodeGetParams_v2(node, &parameters));
  EXPECT_EQ(*static_cast<CUdeviceptr *>(parameters.kernelParams[0]), counts);
  CUdeviceptr other = counts + 32;
  void *pointers[] = {&other};
  parameters.kernelParams = pointers;
  parameters.gridDimX = 2;
  EXPECT_CUDA(cuda().cuGraphExecKernelNodeSetParams_v2(executable, node, &parameters));
  launch(executable);
  EXPECT_EQ(read(counts, 1).front(), 0);
  EXPECT_EQ(read(other, 3), (std::vector<std::int32_t>{1, 1, 0}));
  parameters.blockDimX = 64;
  EXPECT_EQ(cuda().cuGraphExecKernelNodeSetParams_v2(executable, node, &parameters),
            CUDA_ERROR_INVALID_VALUE);
  EXPECT_CUDA(cuda().cuGraphExecDestroy(executable));
  EXPECT_CUDA(cuda().cuGraphDestroy(graph));
}

TEST_F(Graphs, AreUpdatedByTheSameTopology) {
  CUgraph one = captureLaunch(1), two = captureLaunch(2);
  CUgraphExec executable = instantiate(one);
  CUgraphExecUpdateResultInfo info;
  EXPECT_CUDA(cuda().cuGraphExecUpdate_v2(executable, two, &info));
  launch(executable);
  EXPECT_EQ(read(counts, 3), (std::vector<std::int32_t>{1, 1, 0}));
  begin();
  EXPECT_CUDA(cuda().cuMemsetD32Async(counts, 5, 4, stream));
  CUgraph other = end();
  EXPECT_EQ(cuda().cuGraphExecUpdate_v2(executable, other, &info),
            CUDA_ERROR_GRAPH_EXEC_UPDATE_FAILURE);
  EXPECT_EQ(info.result, CU_GRAPH_EXEC_UPDATE_ERROR_NODE_TYPE_CHANGED);
  EXPECT_CUDA(cuda().cuGraphExecDestroy(executable));
  for (CUgraph graph : {one, two, other})
    EXPECT_CUDA(cuda().cuGraphDestroy(graph));
}

TEST_F(Graphs, ForkAndJoin) {
  CUstream other = newStream();
  CUevent fork = nullptr, join = nullptr;
  EXPECT_CUDA(cuda().cuEventCreate(&fork, CU_EVENT_DISABLE_TIMING));
  EXPECT_CUDA(cuda().cuEventCreate(&join, CU_EVENT_DISABLE_TIMING));
  const auto captureFork = [&](bool joined) {
    begin();
    EXPECT_CUDA(cuda().cuMemsetD32Async(counts, 5, 4, stream));
    EXPECT_CUDA(cuda().cuEventRecord(fork, stream));
    EXPECT_CUDA(cuda().cuStreamWaitEvent(other, fork, 0));
    EXPECT_CUDA(countTiles(kernel, counts, 1, other));
    EXPECT_CUDA(countTiles(kernel, counts + 4, 1, stream));
    EXPECT_CUDA(cuda().cuEventRecord(join, other));
    if (joined)
      EXPECT_CUDA(cuda().cuStreamWaitEvent(stream, join, 0));
  };
  captureFork(false);
  end(CUDA_ERROR_STREAM_CAPTURE_UNJOINED);
  captureFork(true);
  EXPECT_EQ(cuda().cuEventQuery(join), CUDA_ERROR_CAPTURED_EVENT);
  CUgraph graph = end();
  CUgraphExec executable = instantiate(graph);
  launch(executable);
  EXPECT_EQ(read(counts, 3), (std::vector<std::int32_t>{6, 6, 5}));
  EXPECT_CUDA(cuda().cuGraphExecDestroy(executable));
  EXPECT_CUDA(cuda().cuGraphDestroy(graph));
  EXPECT_CUDA(cuda().cuEventDestroy_v2(fork));
  EXPECT_CUDA(cuda().cuEventDestroy_v2(join));
  EXPECT_CUDA(cuda().cuStreamDestroy_v2(other));
}

TEST_F(Graphs, AreNotMadeOfForbiddenCalls) {
  CUdeviceptr address = 0;
  begin();
  EXPECT_EQ(cuda().cuStreamSynchronize(stream), CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
  EXPECT_EQ(countTiles(kernel, counts, 1, stream), CUDA_ERROR_STREAM_CAPTURE_INVALIDATED);
  end(CUDA_ERROR_STREAM_CAPTURE_INVALIDATED);
  begin();
  EXPECT_EQ(cuda().cuMemAlloc_v2(&address, 16), CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
  end(CUDA_ERROR_STREAM_CAPTURE_INVALIDATED);
  end(CUDA_ERROR_ILLEGAL_STATE);
  EXPECT_EQ(cuda().cuStreamBeginCapture_v2(nullptr, CU_STREAM_CAPTURE_MODE_GLOBAL),
            CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
}

TEST_F(Graphs, DoNotMixWithTheLegacyStream) {
  CUstream blocking = newStream(0);
  CUgraph graph = nullptr;
  EXPECT_CUDA(cuda().cuStreamBeginCapture_v2(blocking, CU_STREAM_CAPTURE_MODE_RELAXED));
  EXPECT_EQ(cuda().cuMemsetD8Async(counts, 1, 1, nullptr), CUDA_ERROR_STREAM_CAPTURE_IMPLICIT);
  EXPECT_EQ(cuda().cuStreamEndCapture(blocking, &graph), CUDA_ERROR_STREAM_CAPTURE_INVALIDATED);
  EXPECT_CUDA(cuda().cuStreamDestroy_v2(blocking));
}

} // namespace
} // namespace qvlcuda::test
