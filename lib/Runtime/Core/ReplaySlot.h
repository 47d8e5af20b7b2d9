// The work of a program call, recorded when calls repeat.
#pragma once

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "qvlrt/device.h"
#include "qvlrt/executor.h"

#include <memory>
#include <span>
#include <vector>

namespace qvlrt {

/// The last call of one program. A second call with the same shapes and addresses records the work,
/// later ones replay it: the host then makes one call of the driver instead of one a command. What
/// a program computes follows from shapes, addresses and contents alone, so replaying is exact.
class ReplaySlot {
public:
  /// Enqueues one call on `device`: by `enqueue`, or by the recording of what it did before.
  /// `shapes` are those of the arguments, `buffers` the addresses of all buffers of the program.
  absl::Status run(Device &device, const std::vector<Shape> &shapes,
                   std::span<const DeviceRange> buffers, absl::FunctionRef<absl::Status()> enqueue);

private:
  bool repeats(const std::vector<Shape> &shapes, std::span<const DeviceRange> buffers) const;

  std::vector<Shape> lastShapes;
  std::vector<DeviceRange> lastBuffers;
  std::unique_ptr<RecordedWork> work; // of a call with these; null until one repeats
};

} // namespace qvlrt
