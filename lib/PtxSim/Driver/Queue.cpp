#include "Queue.h"

#include <chrono>

namespace qvlsim::driver {

using namespace qvlcuda;

/// Like a hardware queue, a full one makes room by running what is oldest.
static constexpr std::size_t kCapacity = 4096;

OperationRef Queue::submit(std::function<CUresult()> work, std::vector<OperationRef> after) {
  std::erase_if(after, [](const OperationRef &operation) { return !operation || operation->done; });
  auto operation = std::make_shared<Operation>();
  operation->work = std::move(work);
  operation->after = std::move(after);
  waiting.push_back(operation);
  return operation;
}

CUresult Queue::execute(Operation &operation) {
  CUresult result = operation.work ? operation.work() : CUDA_SUCCESS;
  operation.done = true;
  operation.finishedMillis =
      std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now().time_since_epoch())
          .count();
  operation.work = nullptr;
  operation.after.clear();
  return result;
}

CUresult Queue::runWithPredecessors(const OperationRef &operation) {
  // An explicit stack: chains are as long as a program lets them grow.
  std::vector<OperationRef> stack{operation};
  while (!stack.empty()) {
    OperationRef top = stack.back();
    if (!top || top->done) {
      stack.pop_back();
      continue;
    }
    std::erase_if(top->after, [](const OperationRef &before) { return before->done; });
    if (!top->after.empty()) {
      stack.push_back(top->after.front());
      continue;
    }
    stack.pop_back();
    if (CUresult result = execute(*top); result != CUDA_SUCCESS)
      return result;
  }
  return CUDA_SUCCESS;
}

CUresult Queue::run(const OperationRef &operation) {
  if (CUresult result = runWithPredecessors(operation); result != CUDA_SUCCESS)
    return result;
  while (!waiting.empty() && waiting.front()->done)
    waiting.pop_front();
  while (waiting.size() > kCapacity)
    if (CUresult result = step(); result != CUDA_SUCCESS)
      return result;
  return CUDA_SUCCESS;
}

CUresult Queue::step() {
  while (!waiting.empty()) {
    OperationRef oldest = waiting.front();
    waiting.pop_front();
    if (!oldest->done)
      return runWithPredecessors(oldest);
  }
  return CUDA_SUCCESS;
}

CUresult Queue::runAll() {
  while (!waiting.empty())
    if (CUresult result = step(); result != CUDA_SUCCESS)
      return result;
  return CUDA_SUCCESS;
}

void Queue::drop() {
  // Links are cut one by one: a long chain must not be destroyed by recursion.
  for (const OperationRef &operation : waiting) {
    operation->done = true;
    operation->work = nullptr;
    operation->after.clear();
  }
  waiting.clear();
}

} // namespace qvlsim::driver
