// Kernel arguments as the command line gives them.
#pragma once

#include "TensorMapText.h"
#include "qvlrt/npy.h"

#include "absl/status/statusor.h"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace qvlptxsim {

/// One argument of a kernel. Exactly one of the two holds: a buffer in device memory whose address
/// (or whose tensor map) is passed, or bytes passed by value.
struct Argument {
  std::string text;                       // as it was written, for messages
  std::optional<qvlrt::NpyArray> buffer;  // its bytes may be written by the kernel
  std::optional<TensorMapText> tensorMap; // of the buffer
  bool mapByAddress = false;              // the parameter is the address of the tensor map
  std::vector<std::uint8_t> value;        // by value, little endian
};

/// Reads one VALUE of contract C9:
///   @FILE.npy            a buffer with that content
///   zeros:DTYPE:COUNT    a buffer of COUNT zeros
///   i32:N u32:N i64:N u64:N f32:X f64:X bytes:HEX     by value
///   tensormap:...        the tensor map of a buffer by value, &tensormap:... its address
/// `maxBytes` bounds a buffer. Errors: InvalidArgument and NotFound, naming the value.
absl::StatusOr<Argument> parseArgument(std::string_view text, std::uint64_t maxBytes);

/// All of them, in order.
absl::StatusOr<std::vector<Argument>> parseArguments(std::span<const std::string> texts,
                                                     std::uint64_t maxBytes);

/// The name of an element type in VALUE, as "bf16" has none of its own: "u8", "f16", ...
std::optional<qvlrt::NpyType> elementTypeOf(std::string_view name);

} // namespace qvlptxsim
