// Graphs: what they hold, instantiation, updates, launch.
#include "Entry.h"

#include <algorithm>

namespace qvlsim::driver {

namespace {

/// The node of a handle, searched in all graphs.
std::shared_ptr<Node> findNode(CUgraphNode handle) {
  for (const auto &[address, graph] : context().graphs)
    for (const std::shared_ptr<Node> &node : graph->nodes)
      if (node.get() == reinterpret_cast<Node *>(handle))
        return node;
  return nullptr;
}

CUresult reportUpdate(CUgraphExecUpdateResultInfo *info, CUgraphExecUpdateResult result,
                      const std::shared_ptr<Node> &node) {
  if (info)
    *info = {result, reinterpret_cast<CUgraphNode>(node.get()), nullptr};
  return result == CU_GRAPH_EXEC_UPDATE_SUCCESS ? CUDA_SUCCESS
                                                : CUDA_ERROR_GRAPH_EXEC_UPDATE_FAILURE;
}

} // namespace

CUresult cuGraphGetNodes(CUgraph handle, CUgraphNode *nodes, std::size_t *count) {
  std::shared_ptr<Graph> graph = context().graphs.find(handle);
  if (!graph || !count)
    return CUDA_ERROR_INVALID_VALUE;
  if (!nodes) {
    *count = graph->nodes.size();
    return CUDA_SUCCESS;
  }
  for (std::size_t i = 0; i < *count; ++i)
    nodes[i] =
        i < graph->nodes.size() ? reinterpret_cast<CUgraphNode>(graph->nodes[i].get()) : nullptr;
  *count = std::min(*count, graph->nodes.size());
  return CUDA_SUCCESS;
}

CUresult cuGraphNodeGetType(CUgraphNode handle, CUgraphNodeType *type) {
  std::shared_ptr<Node> node = findNode(handle);
  if (!node || !type)
    return CUDA_ERROR_INVALID_VALUE;
  *type = node->task.type;
  return CUDA_SUCCESS;
}

CUresult cuGraphKernelNodeGetParams_v2(CUgraphNode handle, CUDA_KERNEL_NODE_PARAMS *parameters) {
  std::shared_ptr<Node> node = findNode(handle);
  if (!node || !parameters || !node->task.launch)
    return CUDA_ERROR_INVALID_VALUE;
  const KernelLaunch &launch = *node->task.launch;
  const Dim3 &grid = launch.options.grid, &block = launch.options.block;
  *parameters = {};
  parameters->func = reinterpret_cast<CUfunction>(launch.function);
  parameters->gridDimX = grid.x, parameters->gridDimY = grid.y, parameters->gridDimZ = grid.z;
  parameters->blockDimX = block.x, parameters->blockDimY = block.y, parameters->blockDimZ = block.z;
  parameters->sharedMemBytes = launch.options.dynamicSharedBytes;
  // The caller may read them until the node changes, as the interface says.
  parameters->kernelParams = const_cast<void **>(launch.pointers.data());
  return CUDA_SUCCESS;
}

CUresult cuGraphInstantiateWithFlags(CUgraphExec *executable, CUgraph handle, unsigned long long) {
  std::shared_ptr<Graph> graph = context().graphs.find(handle);
  if (!executable || !graph)
    return CUDA_ERROR_INVALID_VALUE;
  auto created = std::make_shared<GraphExec>();
  created->origins = graph->nodes;
  for (const std::shared_ptr<Node> &node : graph->nodes)
    created->nodes.push_back(*node);
  *executable = context().executables.add(std::move(created));
  return CUDA_SUCCESS;
}

CUresult cuGraphExecKernelNodeSetParams_v2(CUgraphExec handle, CUgraphNode nodeHandle,
                                           const CUDA_KERNEL_NODE_PARAMS *parameters) {
  std::shared_ptr<GraphExec> executable = context().executables.find(handle);
  if (!executable || !parameters)
    return CUDA_ERROR_INVALID_VALUE;
  auto origin = std::find_if(executable->origins.begin(), executable->origins.end(),
                             [&](const std::shared_ptr<Node> &n) {
                               return n.get() == reinterpret_cast<Node *>(nodeHandle);
                             });
  if (origin == executable->origins.end() || !(*origin)->task.launch)
    return CUDA_ERROR_INVALID_VALUE;
  Task &task = executable->nodes[origin - executable->origins.begin()].task;
  auto launch = std::make_shared<KernelLaunch>();
  launch->options = task.launch->options; // cluster and modes stay
  launch->function = findFunction(parameters->func ? parameters->func
                                                   : reinterpret_cast<CUfunction>(parameters->kern),
                                  &launch->module);
  if (!launch->function)
    return CUDA_ERROR_INVALID_HANDLE;
  launch->options.grid = {parameters->gridDimX, parameters->gridDimY, parameters->gridDimZ};
  launch->options.block = {parameters->blockDimX, parameters->blockDimY, parameters->blockDimZ};
  launch->options.dynamicSharedBytes = parameters->sharedMemBytes;
  if (CUresult result = checkLaunch(*launch); result != CUDA_SUCCESS)
    return result;
  if (CUresult result = packParameters(*launch, parameters->kernelParams, parameters->extra);
      result != CUDA_SUCCESS)
    return result;
  task.launch = std::move(launch);
  return CUDA_SUCCESS;
}

CUresult cuGraphExecUpdate_v2(CUgraphExec handle, CUgraph graphHandle,
                              CUgraphExecUpdateResultInfo *info) {
  std::shared_ptr<GraphExec> executable = context().executables.find(handle);
  std::shared_ptr<Graph> graph = context().graphs.find(graphHandle);
  if (!executable || !graph)
    return CUDA_ERROR_INVALID_VALUE;
  if (graph->nodes.size() != executable->nodes.size())
    return reportUpdate(info, CU_GRAPH_EXEC_UPDATE_ERROR_TOPOLOGY_CHANGED, nullptr);
  for (std::size_t i = 0; i < graph->nodes.size(); ++i) {
    const Node &now = executable->nodes[i];
    if (graph->nodes[i]->after != now.after)
      return reportUpdate(info, CU_GRAPH_EXEC_UPDATE_ERROR_TOPOLOGY_CHANGED, graph->nodes[i]);
    if (graph->nodes[i]->task.type != now.task.type)
      return reportUpdate(info, CU_GRAPH_EXEC_UPDATE_ERROR_NODE_TYPE_CHANGED, graph->nodes[i]);
  }
  for (std::size_t i = 0; i < graph->nodes.size(); ++i)
    executable->nodes[i] = *graph->nodes[i];
  return reportUpdate(info, CU_GRAPH_EXEC_UPDATE_SUCCESS, nullptr);
}

CUresult cuGraphLaunch(CUgraphExec handle, CUstream streamHandle) {
  Context &device = context();
  std::shared_ptr<GraphExec> executable = device.executables.find(handle);
  Stream *stream = device.stream(streamHandle);
  if (!executable || !stream)
    return CUDA_ERROR_INVALID_HANDLE;
  if (stream->capture)
    return CUDA_ERROR_NOT_SUPPORTED; // child graphs
  const std::vector<OperationRef> before = device.predecessors(*stream);
  std::vector<OperationRef> operations;
  for (const Node &node : executable->nodes) {
    std::vector<OperationRef> after = before;
    for (std::size_t number : node.after)
      after.push_back(operations[number]);
    std::function<CUresult()> work = node.task.work;
    if (node.task.launch)
      work = [&device, launch = node.task.launch] { return launch->run(device.memory); };
    operations.push_back(device.queue.submit(std::move(work), std::move(after)));
  }
  operations.insert(operations.end(), before.begin(), before.end());
  stream->last = device.queue.submit(nullptr, std::move(operations));
  return CUDA_SUCCESS;
}

CUresult cuGraphExecDestroy(CUgraphExec handle) {
  return context().executables.erase(handle) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

CUresult cuGraphDestroy(CUgraph handle) {
  return context().graphs.erase(handle) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

} // namespace qvlsim::driver
