#include "CudaGraph.h"

#include "qvlrt/status.h"

namespace qvlrt {

absl::Status CudaGraph::beginCapture(const Driver &driver, CUstream stream) {
  // Other threads may use the driver meanwhile.
  return driver.cuStreamBeginCapture_v2(stream, CU_STREAM_CAPTURE_MODE_THREAD_LOCAL);
}

absl::StatusOr<std::unique_ptr<CudaGraph>>
CudaGraph::endCapture(const Driver &driver, CUcontext context, CUstream stream) {
  CUgraph graph = nullptr;
  QVLRT_RETURN_IF_ERROR(driver.cuStreamEndCapture(stream, &graph));
  std::unique_ptr<CudaGraph> captured(new CudaGraph(driver, context));
  absl::Status status = driver.cuGraphInstantiateWithFlags(&captured->executable, graph, 0);
  // The executable form is a copy.
  absl::Status destroyed = driver.cuGraphDestroy(graph);
  QVLRT_RETURN_IF_ERROR(status);
  QVLRT_RETURN_IF_ERROR(destroyed);
  return captured;
}

CudaGraph::~CudaGraph() {
  if (!executable)
    return;
  driver.cuCtxSetCurrent(context).IgnoreError();
  driver.cuGraphExecDestroy(executable).IgnoreError();
}

} // namespace qvlrt
