// Reading and writing of NumPy `.npy` files (format 1.0 to 3.0, little endian, C order).
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace qvlrt {

/// The element types this project exchanges through `.npy`. bf16 data travel as U16.
enum class NpyType { F32, F64, I32, I64, U8, U16, F16, I8, I16, U32 };

/// Bytes of one element.
std::size_t npyElementBytes(NpyType type);

/// The NumPy type of a C++ element type.
template <typename T> struct NpyTypeOf;
template <> struct NpyTypeOf<float> {
  static constexpr NpyType value = NpyType::F32;
};
template <> struct NpyTypeOf<double> {
  static constexpr NpyType value = NpyType::F64;
};
template <> struct NpyTypeOf<std::int32_t> {
  static constexpr NpyType value = NpyType::I32;
};
template <> struct NpyTypeOf<std::int64_t> {
  static constexpr NpyType value = NpyType::I64;
};
template <> struct NpyTypeOf<std::uint8_t> {
  static constexpr NpyType value = NpyType::U8;
};
template <> struct NpyTypeOf<std::uint16_t> {
  static constexpr NpyType value = NpyType::U16;
};
template <> struct NpyTypeOf<std::int8_t> {
  static constexpr NpyType value = NpyType::I8;
};
template <> struct NpyTypeOf<std::int16_t> {
  static constexpr NpyType value = NpyType::I16;
};
template <> struct NpyTypeOf<std::uint32_t> {
  static constexpr NpyType value = NpyType::U32;
};

/// A dense tensor in memory, row major. A rank-0 tensor has an empty shape and one element.
struct NpyArray {
  NpyType type = NpyType::F32;
  std::vector<std::int64_t> shape;
  std::vector<std::uint8_t> bytes;

  /// Number of elements.
  std::int64_t size() const;

  /// The elements as T, or an empty span when T is not the array's type.
  template <typename T> std::span<const T> elements() const {
    if (NpyTypeOf<T>::value != type)
      return {};
    return {reinterpret_cast<const T *>(bytes.data()), bytes.size() / sizeof(T)};
  }
};

/// Writes `data` (row major, as many bytes as shape and type say) to `path`, replacing an existing
/// file. Errors: InvalidArgument when sizes disagree or the path is at fault (no such folder, no
/// permission), Unavailable when the system fails (a full disk).
absl::Status writeNpy(const std::string &path, NpyType type, std::span<const std::int64_t> shape,
                      std::span<const std::uint8_t> data);

/// The same for typed elements.
template <typename T>
absl::Status writeNpy(const std::string &path, std::span<const std::int64_t> shape,
                      std::span<const T> data) {
  return writeNpy(path, NpyTypeOf<T>::value, shape,
                  {reinterpret_cast<const std::uint8_t *>(data.data()), data.size_bytes()});
}

/// Parses the bytes of an `.npy` file. Strict: unknown versions, element types, Fortran order, big
/// endian data, missing or trailing bytes are InvalidArgument. `name` stands in messages.
absl::StatusOr<NpyArray> parseNpy(std::string_view bytes, std::string_view name);

/// Reads a file of at most `maxBytes`. Errors: NotFound, and those of parseNpy.
absl::StatusOr<NpyArray> readNpy(const std::string &path,
                                 std::uint64_t maxBytes = std::uint64_t{1} << 36);

} // namespace qvlrt
