// Copies of large host memory to a GPU through pinned memory.
#pragma once

#include "Driver.h"
#include "qvlrt/device.h"

#include <array>
#include <cstddef>
#include <span>

namespace qvlrt {

/// Two pinned buffers that take turns: while the GPU reads one, the host fills the other. So a
/// mapped file is read while its last part is on the way, and the driver need not stage. Needs the
/// device's context to be current.
class PinnedStaging {
public:
  explicit PinnedStaging(const Driver &driver) : driver(driver) {}
  ~PinnedStaging();
  PinnedStaging(const PinnedStaging &) = delete;
  PinnedStaging &operator=(const PinnedStaging &) = delete;

  /// Copies in the order of `stream`. `from` has been read when the call returns. The ranges have
  /// equal sizes. Pinned memory is taken by the first copy and kept.
  absl::Status copy(DeviceRange to, std::span<const std::byte> from, CUstream stream);

  static constexpr std::size_t kBufferBytes = std::size_t{4} << 20;

private:
  struct Buffer {
    std::byte *memory = nullptr; // owned, pinned
    CUevent read = nullptr;      // owned; recorded behind the last copy out of the memory
  };
  absl::Status prepare(Buffer &buffer);

  const Driver &driver;
  std::array<Buffer, 2> buffers;
  std::size_t next = 0;
};

} // namespace qvlrt
