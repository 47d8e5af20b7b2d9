#include "qvlrt/operand_staging.h"

#include "qvlrt/status.h"

namespace qvlrt {

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
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    DeviceRange &data = tensors[i].data;
    data = memory.range().subrange(data.address, data.bytes);
    QVLRT_RETURN_IF_ERROR(device->copyToDevice(data, contents[i]));
  }
  return tensors;
}

} // namespace qvlrt
