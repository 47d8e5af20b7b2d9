// Work of streams, executed as late as the interface allows.
//
// Nothing runs when it is submitted: an operation runs when something waits for it, and then only
// what it depends on runs before it. So a program that forgets to wait sees old data, on every run.
#pragma once

#include "qvlfmt/CudaDriver.h"

#include <deque>
#include <functional>
#include <memory>
#include <vector>

namespace qvlsim::driver {

struct Operation {
  std::function<qvlcuda::CUresult()> work;       // null: only a point in a stream
  std::vector<std::shared_ptr<Operation>> after; // what must be done before
  bool done = false;
  double finishedMillis = 0; // host clock at the end
};
using OperationRef = std::shared_ptr<Operation>;

/// All operations of a context that have not run, in the order of submission.
class Queue {
public:
  ~Queue() { drop(); }

  OperationRef submit(std::function<qvlcuda::CUresult()> work, std::vector<OperationRef> after);
  /// Runs an operation and everything before it. Returns the first error; the rest stays undone.
  qvlcuda::CUresult run(const OperationRef &operation);
  /// Runs the oldest operation, so that a program that only asks makes progress.
  qvlcuda::CUresult step();
  qvlcuda::CUresult runAll();
  /// Forgets everything, as the loss of a context does.
  void drop();

private:
  qvlcuda::CUresult runWithPredecessors(const OperationRef &operation);
  qvlcuda::CUresult execute(Operation &operation);

  std::deque<OperationRef> waiting;
};

} // namespace qvlsim::driver
