// Copies and fills.
//
// Pinned host memory is read and written when the copy runs, pageable memory when it is submitted,
// as a driver does that stages it: so a program that reuses pinned memory too early fails here too.
#include "Entry.h"

#include <cstring>

namespace qvlsim::driver {

namespace {

CUresult resultOf(const absl::Status &status) {
  return status.ok() ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

/// Whether all bytes of a range have storage now: such mistakes are reported by the call itself.
bool isMapped(CUdeviceptr address, std::size_t bytes) {
  return bytes == 0 || context().memory.isInitialised(address, bytes).ok();
}

CUresult submit(CUstream handle, CUgraphNodeType type, std::function<CUresult()> work) {
  Stream *stream = context().stream(handle);
  return stream ? context().submit(*stream, {type, std::move(work), nullptr})
                : CUDA_ERROR_INVALID_HANDLE;
}

CUresult copyToHost(void *to, CUdeviceptr from, std::size_t bytes, CUstream handle, bool wait) {
  if (bytes == 0)
    return CUDA_SUCCESS;
  if (!to || !isMapped(from, bytes))
    return CUDA_ERROR_INVALID_VALUE;
  state().bytesToHost += bytes;
  DeviceMemory &memory = context().memory;
  CUresult result = submit(handle, CU_GRAPH_NODE_TYPE_MEMCPY, [&memory, to, from, bytes] {
    return resultOf(memory.read(from, {static_cast<std::byte *>(to), bytes}));
  });
  Stream *stream = context().stream(handle);
  if (result != CUDA_SUCCESS || stream->capture || (!wait && context().isPinned(to, bytes)))
    return result;
  return context().synchronize(*stream);
}

CUresult copyToDevice(CUdeviceptr to, const void *from, std::size_t bytes, CUstream handle,
                      bool wait) {
  if (bytes == 0)
    return CUDA_SUCCESS;
  Stream *stream = context().stream(handle);
  if (!stream)
    return CUDA_ERROR_INVALID_HANDLE;
  if (!from || !isMapped(to, bytes))
    return CUDA_ERROR_INVALID_VALUE;
  DeviceMemory &memory = context().memory;
  const auto *source = static_cast<const std::byte *>(from);
  std::function<CUresult()> work;
  if (wait || stream->capture || context().isPinned(from, bytes))
    work = [&memory, to, source, bytes] { return resultOf(memory.write(to, {source, bytes})); };
  else
    work = [&memory, to, staged = std::vector<std::byte>(source, source + bytes)] {
      return resultOf(memory.write(to, staged));
    };
  CUresult result = submit(handle, CU_GRAPH_NODE_TYPE_MEMCPY, std::move(work));
  return result == CUDA_SUCCESS && wait ? context().synchronize(*stream) : result;
}

CUresult copyInside(CUdeviceptr to, CUdeviceptr from, std::size_t bytes, CUstream stream) {
  if (bytes == 0)
    return CUDA_SUCCESS;
  if (!isMapped(to, bytes) || !isMapped(from, bytes))
    return CUDA_ERROR_INVALID_VALUE;
  DeviceMemory &memory = context().memory;
  return submit(stream, CU_GRAPH_NODE_TYPE_MEMCPY,
                [&memory, to, from, bytes] { return resultOf(memory.copy(to, from, bytes)); });
}

/// Fills with a value of 1, 2 or 4 bytes.
template <typename Value>
CUresult fill(CUdeviceptr to, Value value, std::size_t count, CUstream stream) {
  if (count == 0)
    return CUDA_SUCCESS;
  if (count > SIZE_MAX / sizeof(Value) || to % sizeof(Value) != 0 ||
      !isMapped(to, count * sizeof(Value)))
    return CUDA_ERROR_INVALID_VALUE;
  DeviceMemory &memory = context().memory;
  return submit(stream, CU_GRAPH_NODE_TYPE_MEMSET, [&memory, to, value, count] {
    if constexpr (sizeof(Value) == 1)
      return resultOf(memory.fill(to, static_cast<std::byte>(value), count));
    std::vector<Value> values(count, value);
    return resultOf(memory.write(to, std::as_bytes(std::span(values))));
  });
}

/// Calls without a stream run on the legacy one; only copies with the host wait.
constexpr CUstream kNoStream = nullptr;

} // namespace

CUresult cuMemcpyHtoD_v2(CUdeviceptr to, const void *from, std::size_t bytes) {
  return copyToDevice(to, from, bytes, kNoStream, true);
}
CUresult cuMemcpyDtoH_v2(void *to, CUdeviceptr from, std::size_t bytes) {
  return copyToHost(to, from, bytes, kNoStream, true);
}
CUresult cuMemcpyDtoD_v2(CUdeviceptr to, CUdeviceptr from, std::size_t bytes) {
  return copyInside(to, from, bytes, kNoStream);
}
CUresult cuMemcpyHtoDAsync_v2(CUdeviceptr to, const void *from, std::size_t bytes,
                              CUstream stream) {
  return copyToDevice(to, from, bytes, stream, false);
}
CUresult cuMemcpyDtoHAsync_v2(void *to, CUdeviceptr from, std::size_t bytes, CUstream stream) {
  return copyToHost(to, from, bytes, stream, false);
}
CUresult cuMemcpyDtoDAsync_v2(CUdeviceptr to, CUdeviceptr from, std::size_t bytes,
                              CUstream stream) {
  return copyInside(to, from, bytes, stream);
}
CUresult cuMemsetD8_v2(CUdeviceptr to, unsigned char value, std::size_t count) {
  return fill(to, value, count, kNoStream);
}
CUresult cuMemsetD16_v2(CUdeviceptr to, unsigned short value, std::size_t count) {
  return fill(to, value, count, kNoStream);
}
CUresult cuMemsetD32_v2(CUdeviceptr to, unsigned value, std::size_t count) {
  return fill(to, value, count, kNoStream);
}
CUresult cuMemsetD8Async(CUdeviceptr to, unsigned char value, std::size_t count, CUstream stream) {
  return fill(to, value, count, stream);
}
CUresult cuMemsetD16Async(CUdeviceptr to, unsigned short value, std::size_t count,
                          CUstream stream) {
  return fill(to, value, count, stream);
}
CUresult cuMemsetD32Async(CUdeviceptr to, unsigned value, std::size_t count, CUstream stream) {
  return fill(to, value, count, stream);
}

} // namespace qvlsim::driver
