#include "qvlrt/device.h"
#include "qvlrt/status.h"

#include <utility>

namespace qvlrt {

absl::StatusOr<DeviceBuffer> DeviceBuffer::allocate(Device &device, std::uint64_t bytes) {
  QVLRT_ASSIGN_OR_RETURN(DeviceRange memory, device.allocate(bytes));
  return DeviceBuffer(device, memory);
}

absl::StatusOr<DeviceBuffer> DeviceBuffer::copyOf(Device &device,
                                                  std::span<const std::byte> contents) {
  QVLRT_ASSIGN_OR_RETURN(DeviceBuffer buffer, allocate(device, contents.size()));
  QVLRT_RETURN_IF_ERROR(device.copyToDevice(buffer.range(), contents));
  return buffer;
}

DeviceBuffer::DeviceBuffer(DeviceBuffer &&other) noexcept
    : device(std::exchange(other.device, nullptr)), memory(std::exchange(other.memory, {})) {}

DeviceBuffer &DeviceBuffer::operator=(DeviceBuffer &&other) noexcept {
  std::swap(device, other.device);
  std::swap(memory, other.memory);
  return *this;
}

DeviceBuffer::~DeviceBuffer() {
  if (device)
    device->free(memory);
}

} // namespace qvlrt
