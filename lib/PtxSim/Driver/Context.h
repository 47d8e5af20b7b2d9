// The primary context of the simulated device and everything that lives in it.
#pragma once

#include "Configuration.h"
#include "Graph.h"
#include "Queue.h"

#include <map>
#include <memory>
#include <set>
#include <span>

namespace qvlsim::driver {

/// Objects that callers hold by address. A handle that is not one of them is refused, not followed.
template <typename Object, typename Handle> class Handles {
public:
  Handle add(std::shared_ptr<Object> object) {
    Object *address = object.get();
    objects[address] = std::move(object);
    return reinterpret_cast<Handle>(address);
  }
  /// Null when there is none.
  std::shared_ptr<Object> find(Handle handle) const {
    auto found = objects.find(reinterpret_cast<Object *>(handle));
    return found == objects.end() ? nullptr : found->second;
  }
  bool erase(Handle handle) { return objects.erase(reinterpret_cast<Object *>(handle)) != 0; }
  std::size_t size() const { return objects.size(); }
  auto begin() const { return objects.begin(); }
  auto end() const { return objects.end(); }

private:
  std::map<Object *, std::shared_ptr<Object>> objects;
};

struct Stream {
  bool blocking = true; // waits for and is waited for by the legacy stream
  int priority = 0;
  OperationRef last;
  std::shared_ptr<Capture> capture;
  std::vector<std::size_t> captureTail; // nodes that the next one comes after
};

struct Event {
  bool timed = true;
  OperationRef recorded;
  std::shared_ptr<Capture> capture; // recorded in a capture
  std::vector<std::size_t> captureTail;
};

struct Pool {
  std::uint64_t used = 0, usedHigh = 0, threshold = 0, limit = 0;
};

/// Physical memory of cuMemCreate; storage comes with access rights.
struct PhysicalMemory {
  std::uint64_t bytes = 0;
  qvlcuda::CUdeviceptr mappedAt = 0; // 0: nowhere
  bool accessible = false;
  bool released = false; // the handle is gone, the mapping still lives
};

class Context {
public:
  explicit Context(const Configuration &configuration)
      : configuration(configuration), memory(configuration.memory) {}
  ~Context();

  /// The stream of a handle: a created one, the legacy one or that of the thread. Null: unknown.
  Stream *stream(qvlcuda::CUstream handle);
  /// Puts work into a stream, or into the graph that the stream is captured into.
  qvlcuda::CUresult submit(Stream &stream, Task task);
  /// Runs everything in a stream. Not allowed while it is captured.
  qvlcuda::CUresult synchronize(Stream &stream);
  qvlcuda::CUresult synchronizeAll();
  /// What the next operation of a stream comes after.
  std::vector<OperationRef> predecessors(Stream &stream);
  /// Refuses calls that are unsafe while any stream is captured, and invalidates the captures.
  qvlcuda::CUresult refuseDuringCapture();
  /// Keeps the first error that loses the context.
  void lose(qvlcuda::CUresult error);
  /// Objects that nobody gave back.
  std::size_t liveObjects() const;
  /// Bytes in use, those of physical memory without a mapping included.
  std::uint64_t usedBytes() const;
  bool isPinned(const void *host, std::size_t bytes) const;

  const Configuration configuration;
  DeviceMemory memory;
  Queue queue;
  qvlcuda::CUresult lost = qvlcuda::CUDA_SUCCESS;

  Stream legacy, perThread;
  Handles<Stream, qvlcuda::CUstream> streams;
  Handles<Event, qvlcuda::CUevent> events;
  Handles<LoadedModule, qvlcuda::CUmodule> modules;
  Handles<LoadedModule, qvlcuda::CUlibrary> libraries;
  Handles<Graph, qvlcuda::CUgraph> graphs;
  Handles<GraphExec, qvlcuda::CUgraphExec> executables;
  Handles<Pool, qvlcuda::CUmemoryPool> pools;
  std::shared_ptr<Pool> defaultPool = std::make_shared<Pool>();
  std::map<qvlcuda::CUdeviceptr, std::uint64_t> allocations; // of cuMemAlloc
  std::map<qvlcuda::CUdeviceptr, std::pair<std::shared_ptr<Pool>, std::uint64_t>> pooled;
  std::map<qvlcuda::CUdeviceptr, std::uint64_t> reservations; // bytes by address
  std::map<qvlcuda::CUmemGenericAllocationHandle, PhysicalMemory> physical;
  qvlcuda::CUmemGenericAllocationHandle nextPhysical = 1;
  std::map<std::uintptr_t, std::uint64_t> registered; // pinned host memory, bytes by address
  std::map<std::uintptr_t, std::unique_ptr<std::byte[]>> hostAllocations;
};

/// The context that calls of this thread act on. Entry points run only with one (Entry.cpp).
Context &context();

/// The function behind a handle of this context, null when unknown.
Function *findFunction(qvlcuda::CUfunction handle, std::shared_ptr<LoadedModule> *module = nullptr);

} // namespace qvlsim::driver
