#include "ReplaySlot.h"

#include "qvlrt/status.h"

#include <algorithm>

namespace qvlrt {

bool ReplaySlot::repeats(const std::vector<Shape> &shapes,
                         std::span<const DeviceRange> buffers) const {
  const auto same = [](const DeviceRange &a, const DeviceRange &b) {
    return a.address == b.address && a.bytes == b.bytes;
  };
  return shapes == lastShapes && std::ranges::equal(buffers, lastBuffers, same);
}

absl::Status ReplaySlot::run(Device &device, const std::vector<Shape> &shapes,
                             std::span<const DeviceRange> buffers,
                             absl::FunctionRef<absl::Status()> enqueue) {
  if (!repeats(shapes, buffers)) {
    work.reset();
    lastShapes = shapes;
    lastBuffers.assign(buffers.begin(), buffers.end());
    return enqueue();
  }
  if (!work) {
    QVLRT_RETURN_IF_ERROR(device.beginRecording());
    absl::Status status = enqueue();
    // In any case: a device that records can do nothing else.
    absl::StatusOr<std::unique_ptr<RecordedWork>> recorded = device.endRecording();
    QVLRT_RETURN_IF_ERROR(status);
    QVLRT_ASSIGN_OR_RETURN(work, std::move(recorded));
  }
  return device.replay(*work);
}

} // namespace qvlrt
