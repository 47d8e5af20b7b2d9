// Streams, events and capture.
#include "Entry.h"

#include <algorithm>

namespace qvlsim::driver {

CUresult cuStreamCreateWithPriority(CUstream *stream, unsigned flags, int priority) {
  if (!stream || (flags & ~CU_STREAM_NON_BLOCKING) != 0)
    return CUDA_ERROR_INVALID_VALUE;
  auto created = std::make_shared<Stream>();
  created->blocking = (flags & CU_STREAM_NON_BLOCKING) == 0;
  created->priority = std::clamp(priority, -5, 0);
  *stream = context().streams.add(std::move(created));
  return CUDA_SUCCESS;
}

CUresult cuStreamCreate(CUstream *stream, unsigned flags) {
  return cuStreamCreateWithPriority(stream, flags, 0);
}

CUresult cuStreamDestroy_v2(CUstream handle) {
  // What is in the stream still runs, when something waits for it.
  return context().streams.erase(handle) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_HANDLE;
}

CUresult cuStreamSynchronize(CUstream handle) {
  Stream *stream = context().stream(handle);
  return stream ? context().synchronize(*stream) : CUDA_ERROR_INVALID_HANDLE;
}

/// Runs one operation when there is something to wait for.
static CUresult progress(const OperationRef &operation) {
  if (!operation || operation->done)
    return CUDA_SUCCESS;
  CUresult result = context().queue.step();
  return result == CUDA_SUCCESS ? CUDA_ERROR_NOT_READY : result;
}

CUresult cuStreamQuery(CUstream handle) {
  Stream *stream = context().stream(handle);
  if (!stream)
    return CUDA_ERROR_INVALID_HANDLE;
  if (stream->capture) {
    stream->capture->invalidated = true;
    return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
  }
  return progress(stream->last);
}

CUresult cuStreamGetPriority(CUstream handle, int *priority) {
  Stream *stream = context().stream(handle);
  if (!stream)
    return CUDA_ERROR_INVALID_HANDLE;
  if (!priority)
    return CUDA_ERROR_INVALID_VALUE;
  *priority = stream->priority;
  return CUDA_SUCCESS;
}

CUresult cuEventCreate(CUevent *event, unsigned flags) {
  if (!event)
    return CUDA_ERROR_INVALID_VALUE;
  auto created = std::make_shared<Event>();
  created->timed = (flags & CU_EVENT_DISABLE_TIMING) == 0;
  *event = context().events.add(std::move(created));
  return CUDA_SUCCESS;
}

CUresult cuEventDestroy_v2(CUevent event) {
  return context().events.erase(event) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_HANDLE;
}

CUresult cuEventRecord(CUevent eventHandle, CUstream streamHandle) {
  std::shared_ptr<Event> event = context().events.find(eventHandle);
  Stream *stream = context().stream(streamHandle);
  if (!event || !stream)
    return CUDA_ERROR_INVALID_HANDLE;
  event->capture = stream->capture;
  event->captureTail = stream->captureTail;
  if (stream->capture)
    return stream->capture->invalidated ? CUDA_ERROR_STREAM_CAPTURE_INVALIDATED : CUDA_SUCCESS;
  CUresult result = context().submit(*stream, {CU_GRAPH_NODE_TYPE_HOST, nullptr, nullptr});
  event->recorded = stream->last;
  return result;
}

/// A stream that waits for an event of a capture joins it.
static CUresult joinCapture(Stream &stream, const Event &event) {
  if (event.capture->invalidated)
    return CUDA_ERROR_STREAM_CAPTURE_INVALIDATED;
  if (stream.capture && stream.capture != event.capture) {
    stream.capture->invalidated = event.capture->invalidated = true;
    return CUDA_ERROR_STREAM_CAPTURE_MERGE;
  }
  stream.capture = event.capture;
  for (std::size_t node : event.captureTail)
    if (std::find(stream.captureTail.begin(), stream.captureTail.end(), node) ==
        stream.captureTail.end())
      stream.captureTail.push_back(node);
  return CUDA_SUCCESS;
}

CUresult cuStreamWaitEvent(CUstream streamHandle, CUevent eventHandle, unsigned) {
  std::shared_ptr<Event> event = context().events.find(eventHandle);
  Stream *stream = context().stream(streamHandle);
  if (!event || !stream)
    return CUDA_ERROR_INVALID_HANDLE;
  if (event->capture)
    return joinCapture(*stream, *event);
  if (stream->capture) {
    stream->capture->invalidated = true;
    return CUDA_ERROR_STREAM_CAPTURE_ISOLATION;
  }
  std::vector<OperationRef> after = context().predecessors(*stream);
  after.push_back(event->recorded);
  stream->last = context().queue.submit(nullptr, std::move(after));
  return CUDA_SUCCESS;
}

CUresult cuEventQuery(CUevent handle) {
  std::shared_ptr<Event> event = context().events.find(handle);
  if (!event)
    return CUDA_ERROR_INVALID_HANDLE;
  return event->capture ? CUDA_ERROR_CAPTURED_EVENT : progress(event->recorded);
}

CUresult cuEventSynchronize(CUevent handle) {
  std::shared_ptr<Event> event = context().events.find(handle);
  if (!event)
    return CUDA_ERROR_INVALID_HANDLE;
  if (event->capture)
    return CUDA_ERROR_CAPTURED_EVENT;
  return event->recorded ? context().queue.run(event->recorded) : CUDA_SUCCESS;
}

CUresult cuEventElapsedTime(float *milliseconds, CUevent startHandle, CUevent endHandle) {
  std::shared_ptr<Event> start = context().events.find(startHandle);
  std::shared_ptr<Event> end = context().events.find(endHandle);
  if (!milliseconds)
    return CUDA_ERROR_INVALID_VALUE;
  if (!start || !end || !start->timed || !end->timed || !start->recorded || !end->recorded)
    return CUDA_ERROR_INVALID_HANDLE;
  if (!start->recorded->done || !end->recorded->done)
    return CUDA_ERROR_NOT_READY;
  *milliseconds =
      static_cast<float>(end->recorded->finishedMillis - start->recorded->finishedMillis);
  return CUDA_SUCCESS;
}

CUresult cuStreamBeginCapture_v2(CUstream handle, CUstreamCaptureMode mode) {
  Stream *stream = context().stream(handle);
  if (!stream)
    return CUDA_ERROR_INVALID_HANDLE;
  if (stream == &context().legacy)
    return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
  if (stream->capture)
    return CUDA_ERROR_ILLEGAL_STATE;
  stream->capture = std::make_shared<Capture>();
  stream->capture->origin = stream;
  stream->capture->mode = mode;
  stream->captureTail.clear();
  return CUDA_SUCCESS;
}

/// Whether every node leads to the origin's next one: work of other streams must be joined.
static bool isJoined(const Graph &graph, const std::vector<std::size_t> &tail) {
  std::vector<bool> reached(graph.nodes.size());
  for (std::size_t node : tail)
    reached[node] = true;
  for (std::size_t i = graph.nodes.size(); i-- > 0;)
    if (reached[i])
      for (std::size_t before : graph.nodes[i]->after)
        reached[before] = true;
  return std::find(reached.begin(), reached.end(), false) == reached.end();
}

CUresult cuStreamEndCapture(CUstream handle, CUgraph *graph) {
  Stream *stream = context().stream(handle);
  if (!stream)
    return CUDA_ERROR_INVALID_HANDLE;
  if (!graph)
    return CUDA_ERROR_INVALID_VALUE;
  *graph = nullptr;
  std::shared_ptr<Capture> capture = stream->capture;
  if (!capture)
    return CUDA_ERROR_ILLEGAL_STATE;
  if (capture->origin != stream) {
    capture->invalidated = true;
    return CUDA_ERROR_STREAM_CAPTURE_UNMATCHED;
  }
  const std::vector<std::size_t> tail = stream->captureTail;
  const auto leave = [&](Stream &member) {
    if (member.capture != capture)
      return;
    member.capture = nullptr;
    member.captureTail.clear();
  };
  leave(*stream);
  leave(context().perThread);
  for (const auto &[address, member] : context().streams)
    leave(*member);
  if (capture->invalidated)
    return CUDA_ERROR_STREAM_CAPTURE_INVALIDATED;
  if (!isJoined(*capture->graph, tail))
    return CUDA_ERROR_STREAM_CAPTURE_UNJOINED;
  *graph = context().graphs.add(capture->graph);
  return CUDA_SUCCESS;
}

CUresult cuStreamIsCapturing(CUstream handle, CUstreamCaptureStatus *status) {
  Stream *stream = context().stream(handle);
  if (!stream)
    return CUDA_ERROR_INVALID_HANDLE;
  if (!status)
    return CUDA_ERROR_INVALID_VALUE;
  *status = !stream->capture               ? CU_STREAM_CAPTURE_STATUS_NONE
            : stream->capture->invalidated ? CU_STREAM_CAPTURE_STATUS_INVALIDATED
                                           : CU_STREAM_CAPTURE_STATUS_ACTIVE;
  return CUDA_SUCCESS;
}

} // namespace qvlsim::driver
