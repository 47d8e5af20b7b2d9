#include "qvlrt/operand_staging.h"

#include "qvlrt/status.h"

#include <algorithm>

namespace qvlrt {

/// Below it the operands of a call cross to a device's own memory in one copy, in bytes.
static constexpr std::uint64_t kSmallCall = 64 << 10;

void OperandStaging::clear() {
  tensors.clear();
  contents.clear();
  total = 0;
}

void OperandStaging::addBytes(std::string_view name, qvlfmt::ElementType element, Shape dims,
                              std::span<const std::byte> bytes) {
  tensors.push_back({name, element, std::move(dims), {total, bytes.size()}});
  contents.push_back(bytes);
  total += (bytes.size() + kBufferAlignment - 1) / kBufferAlignment * kBufferAlignment;
}

absl::StatusOr<std::vector<DeviceTensor>> OperandStaging::upload() {
  if (memory.bytes() < total) {
    memory = DeviceBuffer();
    QVLRT_ASSIGN_OR_RETURN(memory, DeviceBuffer::allocate(*device, total));
  }
  const bool together = total <= kSmallCall && !device->limits().hostAddressable;
  if (together)
    QVLRT_RETURN_IF_ERROR(copyPacked());
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    DeviceRange &data = tensors[i].data;
    data = memory.range().subrange(data.address, data.bytes);
    if (!together)
      QVLRT_RETURN_IF_ERROR(device->copyToDevice(data, contents[i]));
  }
  return tensors;
}

absl::Status OperandStaging::copyPacked() {
  packed.resize(total);
  for (std::size_t i = 0; i < tensors.size(); ++i)
    std::ranges::copy(contents[i], packed.begin() + tensors[i].data.address);
  return device->copyToDevice(memory.range().subrange(0, total), packed);
}

} // namespace qvlrt
