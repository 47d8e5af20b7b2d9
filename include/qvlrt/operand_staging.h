// Moves the small host operands of a call into device memory, all in one buffer that is reused
// between calls.
#pragma once

#include "absl/status/statusor.h"
#include "qvlrt/device.h"
#include "qvlrt/executor.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace qvlrt {

/// Collects operands, then uploads them. The buffer grows to the largest call and keeps its size
/// and address: equal calls find their operands in equal places.
class OperandStaging {
public:
  explicit OperandStaging(Device &device) : device(&device) {}

  /// Forgets the operands of the last call.
  void clear();
  /// Adds a dense host tensor, which must stay alive until upload(). `name` must outlive the
  /// tensors.
  template <typename T>
  void add(std::string_view name, qvlfmt::ElementType element, Shape dims,
           std::span<const T> values) {
    addBytes(name, element, std::move(dims), std::as_bytes(values));
  }
  /// Copies all operands. The tensors are valid until the next clear(). Error: ResourceExhausted.
  absl::StatusOr<std::vector<DeviceTensor>> upload();

private:
  /// One copy of all operands, which are small.
  absl::Status copyPacked();
  void addBytes(std::string_view name, qvlfmt::ElementType element, Shape dims,
                std::span<const std::byte> bytes);

  Device *device; // borrowed
  DeviceBuffer memory;
  std::vector<DeviceTensor> tensors; // data.address holds the offset until upload()
  std::vector<std::span<const std::byte>> contents;
  std::vector<std::byte> packed; // all operands of a small call
  std::uint64_t total = 0;
};

} // namespace qvlrt
