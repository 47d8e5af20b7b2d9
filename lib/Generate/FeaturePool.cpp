// The rows that the vision program writes and the language programs read.
#include "FeaturePool.h"

#include "qvlrt/status.h"

#include <algorithm>
#include <utility>

namespace qvlrt {

absl::StatusOr<std::int64_t> FeaturePool::append(std::int64_t count) {
  const std::uint64_t needed = (used + count) * rowBytes;
  if (needed > buffer.bytes()) {
    // Doubling keeps the copies of many small requests linear in their rows.
    const std::uint64_t bytes = std::max(needed, 2 * buffer.bytes());
    QVLRT_ASSIGN_OR_RETURN(DeviceBuffer grown, DeviceBuffer::allocate(device, bytes));
    if (used > 0)
      QVLRT_RETURN_IF_ERROR(device.copy(grown.range().subrange(0, used * rowBytes), rows(0, used)));
    buffer = std::move(grown);
  }
  return std::exchange(used, used + count);
}

} // namespace qvlrt
