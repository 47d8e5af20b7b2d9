#include "PinnedStaging.h"

#include "qvlrt/status.h"

#include <algorithm>
#include <cstring>

namespace qvlrt {

PinnedStaging::~PinnedStaging() {
  for (const Buffer &buffer : buffers) {
    if (buffer.memory)
      driver.cuMemFreeHost(buffer.memory).IgnoreError(); // waits for copies
    if (buffer.read)
      driver.cuEventDestroy_v2(buffer.read).IgnoreError();
  }
}

absl::Status PinnedStaging::prepare(Buffer &buffer) {
  // An event that was never recorded counts as passed.
  if (!buffer.read)
    QVLRT_RETURN_IF_ERROR(driver.cuEventCreate(&buffer.read, CU_EVENT_DISABLE_TIMING));
  if (buffer.memory)
    return driver.cuEventSynchronize(buffer.read);
  void *memory = nullptr;
  QVLRT_RETURN_IF_ERROR(driver.cuMemHostAlloc(&memory, kBufferBytes, 0));
  buffer.memory = static_cast<std::byte *>(memory);
  return absl::OkStatus();
}

absl::Status PinnedStaging::copy(DeviceRange to, std::span<const std::byte> from, CUstream stream) {
  for (std::size_t done = 0; done < from.size();) {
    Buffer &buffer = buffers[next];
    next = 1 - next;
    QVLRT_RETURN_IF_ERROR(prepare(buffer));
    const std::size_t bytes = std::min(from.size() - done, kBufferBytes);
    std::memcpy(buffer.memory, from.data() + done, bytes);
    QVLRT_RETURN_IF_ERROR(
        driver.cuMemcpyHtoDAsync_v2(to.address + done, buffer.memory, bytes, stream));
    QVLRT_RETURN_IF_ERROR(driver.cuEventRecord(buffer.read, stream));
    done += bytes;
  }
  return absl::OkStatus();
}

} // namespace qvlrt
