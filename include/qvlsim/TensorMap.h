// Tensor maps: what a CUtensorMap of the simulated driver holds.
//
// The 128 bytes of a CUtensorMap are opaque to programs. The simulator keeps its own structure in
// them, with a mark and a checksum, so that bytes which no encoder has made are refused.
#pragma once

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace qvlsim {

inline constexpr std::size_t kTensorMapBytes = 128;
inline constexpr unsigned kMaxTensorRank = 5;

/// Arguments of cuTensorMapEncodeTiled; enumerations as the driver's integers. Entries at and
/// beyond `rank` (for strides: beyond rank - 1) are not read.
struct TensorMapArguments {
  int dataType = 0; // CUtensorMapDataType
  std::uint32_t rank = 1;
  std::uint64_t globalAddress = 0;
  std::array<std::uint64_t, kMaxTensorRank> dims{};           // elements, innermost first
  std::array<std::uint64_t, kMaxTensorRank - 1> strides{};    // bytes, of dimensions 1, 2, ...
  std::array<std::uint32_t, kMaxTensorRank> box{};            // elements
  std::array<std::uint32_t, kMaxTensorRank> elementStrides{}; // 1 to 8
  int interleave = 0, swizzle = 0, promotion = 0, fill = 0;
};

enum class TensorElement : std::uint8_t { Unsigned, Signed, Half, Bfloat16, Float };

/// A decoded tensor map.
struct TensorMap {
  std::uint64_t address = 0;
  std::uint32_t rank = 1;
  std::uint32_t elementBytes = 1;
  TensorElement element = TensorElement::Unsigned;
  bool fillNan = false;     // of elements outside the tensor; otherwise zero
  std::uint8_t swizzle = 0; // CUtensorMapSwizzle, 0 to 3
  std::array<std::uint64_t, kMaxTensorRank> dims{};
  std::array<std::uint64_t, kMaxTensorRank> strides{}; // bytes, [0] is the element size
  std::array<std::uint32_t, kMaxTensorRank> box{};     // elements that a copy moves
  std::array<std::uint32_t, kMaxTensorRank> steps{};   // distance of two of them in the tensor

  std::uint64_t boxBytes() const;
};

/// Checks the arguments by the rules of cuTensorMapEncodeTiled (CUDA driver API 13.0) and writes
/// the map. Errors: InvalidArgument, saying which rule is broken; Unimplemented for interleaved,
/// sub-byte and 32- or 64-byte-atom layouts.
absl::Status encodeTensorMap(const TensorMapArguments &arguments,
                             std::span<std::byte, kTensorMapBytes> out);

/// Errors: InvalidArgument when the bytes are no map that encodeTensorMap has written.
absl::StatusOr<TensorMap> decodeTensorMap(std::span<const std::byte, kTensorMapBytes> bytes);

} // namespace qvlsim
