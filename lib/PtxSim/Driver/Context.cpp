#include "Context.h"

namespace qvlsim::driver {

using namespace qvlcuda;

Context::~Context() {
  queue.drop();
  for (const auto &[address, bytes] : registered)
    (void)memory.unregisterHost(reinterpret_cast<void *>(address));
}

Stream *Context::stream(CUstream handle) {
  if (!handle || handle == kLegacyStream)
    return &legacy;
  if (handle == kPerThreadStream)
    return &perThread;
  return streams.find(handle).get();
}

std::vector<OperationRef> Context::predecessors(Stream &stream) {
  std::vector<OperationRef> after{stream.last};
  if (&stream == &legacy) {
    after.push_back(perThread.last);
    for (const auto &[address, other] : streams)
      if (other->blocking)
        after.push_back(other->last);
  } else if (stream.blocking) {
    after.push_back(legacy.last);
  }
  return after;
}

static CUresult capture(Stream &stream, Task task) {
  Capture &capture = *stream.capture;
  if (capture.invalidated)
    return CUDA_ERROR_STREAM_CAPTURE_INVALIDATED;
  capture.graph->nodes.push_back(std::make_shared<Node>(Node{std::move(task), stream.captureTail}));
  stream.captureTail = {capture.graph->nodes.size() - 1};
  return CUDA_SUCCESS;
}

/// The legacy stream would have to wait for a stream whose work is only being recorded.
static bool touchesCapture(Context &context, Stream &stream) {
  if (&stream != &context.legacy)
    return false;
  bool found = context.perThread.capture != nullptr;
  for (const auto &[address, other] : context.streams)
    if (other->capture && other->blocking) {
      other->capture->invalidated = true;
      found = true;
    }
  return found;
}

CUresult Context::submit(Stream &stream, Task task) {
  if (stream.capture)
    return capture(stream, std::move(task));
  if (touchesCapture(*this, stream))
    return CUDA_ERROR_STREAM_CAPTURE_IMPLICIT;
  std::function<CUresult()> work = std::move(task.work);
  if (task.launch)
    work = [this, launch = std::move(task.launch)] { return launch->run(memory); };
  stream.last = queue.submit(std::move(work), predecessors(stream));
  return CUDA_SUCCESS;
}

CUresult Context::synchronize(Stream &stream) {
  if (stream.capture) {
    stream.capture->invalidated = true;
    return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
  }
  if (touchesCapture(*this, stream))
    return CUDA_ERROR_STREAM_CAPTURE_IMPLICIT;
  for (const OperationRef &operation : predecessors(stream))
    if (CUresult result = queue.run(operation); result != CUDA_SUCCESS)
      return result;
  return CUDA_SUCCESS;
}

CUresult Context::synchronizeAll() {
  if (CUresult result = refuseDuringCapture(); result != CUDA_SUCCESS)
    return result;
  return queue.runAll();
}

CUresult Context::refuseDuringCapture() {
  bool found = false;
  const auto refuse = [&](Stream &stream) {
    if (!stream.capture || stream.capture->mode == CU_STREAM_CAPTURE_MODE_RELAXED)
      return;
    stream.capture->invalidated = true;
    found = true;
  };
  refuse(perThread);
  for (const auto &[address, stream] : streams)
    refuse(*stream);
  return found ? CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED : CUDA_SUCCESS;
}

void Context::lose(CUresult error) {
  if (lost == CUDA_SUCCESS)
    lost = error;
  queue.drop();
}

std::size_t Context::liveObjects() const {
  return streams.size() + events.size() + modules.size() + libraries.size() + graphs.size() +
         executables.size() + pools.size() + allocations.size() + pooled.size() +
         reservations.size() + physical.size() + registered.size();
}

std::uint64_t Context::usedBytes() const {
  std::uint64_t bytes = memory.allocated();
  for (const auto &[handle, part] : physical)
    if (!part.accessible)
      bytes += part.bytes;
  return bytes;
}

bool Context::isPinned(const void *host, std::size_t bytes) const {
  const auto address = reinterpret_cast<std::uintptr_t>(host);
  auto after = registered.upper_bound(address);
  if (after == registered.begin())
    return false;
  const auto &[begin, size] = *std::prev(after);
  return bytes <= size && address - begin <= size - bytes;
}

} // namespace qvlsim::driver
