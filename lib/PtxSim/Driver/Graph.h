// Captured work.
#pragma once

#include "Kernel.h"

#include <functional>
#include <memory>
#include <optional>
#include <vector>

namespace qvlsim::driver {

/// One piece of work, on its way to a stream or a graph.
struct Task {
  qvlcuda::CUgraphNodeType type;
  std::function<qvlcuda::CUresult()> work;    // empty for kernels
  std::shared_ptr<const KernelLaunch> launch; // of a kernel
};

struct Node {
  Task task;
  std::vector<std::size_t> after; // numbers of nodes before it; they are smaller than its own
};

struct Graph {
  std::vector<std::shared_ptr<Node>> nodes;
};

/// The nodes at instantiation; `origins` are the graph's nodes, by which parameters are set.
struct GraphExec {
  std::vector<Node> nodes;
  std::vector<std::shared_ptr<Node>> origins;
};

/// A capture in progress, shared by all streams that joined it.
struct Capture {
  std::shared_ptr<Graph> graph = std::make_shared<Graph>();
  const struct Stream *origin = nullptr;
  qvlcuda::CUstreamCaptureMode mode = qvlcuda::CU_STREAM_CAPTURE_MODE_GLOBAL;
  bool invalidated = false;
};

} // namespace qvlsim::driver
