// The text form of a tensor map on the command line.
#pragma once

#include "absl/status/statusor.h"

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace qvlptxsim {

inline constexpr unsigned kMaxRank = 5;

/// The arguments of cuTensorMapEncodeTiled but for the address; enumerations as its integers.
struct TensorMapText {
  std::string data; // the buffer: @FILE.npy or zeros:DTYPE:COUNT
  int dataType = 0;
  std::uint32_t rank = 0;
  std::array<std::uint64_t, kMaxRank> dims{};        // elements, innermost first
  std::array<std::uint64_t, kMaxRank - 1> strides{}; // bytes, of dimensions 1, 2, ...
  std::array<std::uint32_t, kMaxRank> box{};         // elements
  std::array<std::uint32_t, kMaxRank> steps{};       // element strides
  int swizzle = 0, fill = 0;
};

/// Reads "KEY=VALUE;...": data=BUFFER, type=u8|u16|u32|i32|u64|i64|f16|f32|f64|bf16|tf32,
/// dims=N,..., strides=BYTES,... (one less than dims), box=N,..., and, if they differ from the
/// defaults, steps=N,... (1), swizzle=none|32|64|128, fill=zero|nan. Errors: InvalidArgument.
absl::StatusOr<TensorMapText> parseTensorMap(std::string_view text);

} // namespace qvlptxsim
