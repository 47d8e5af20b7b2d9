// Flatbuffer vectors as spans; an absent vector is an empty one.
#pragma once

#include "flatbuffers/flatbuffers.h"

#include <cstdint>
#include <span>
#include <string_view>

namespace qvlrt {

/// A vector of scalars or structs.
template <typename T> std::span<const T> spanOf(const flatbuffers::Vector<T> *vector) {
  if (!vector)
    return {};
  return {reinterpret_cast<const T *>(vector->Data()), vector->size()};
}
template <typename T> std::span<const T> spanOf(const flatbuffers::Vector<const T *> *vector) {
  if (!vector)
    return {};
  return {reinterpret_cast<const T *>(vector->Data()), vector->size()};
}

/// Number of elements of any vector.
template <typename T> std::uint32_t countOf(const flatbuffers::Vector<T> *vector) {
  return vector ? vector->size() : 0;
}

inline std::string_view viewOf(const flatbuffers::String *string) {
  if (!string)
    return {};
  return {string->c_str(), string->size()};
}

} // namespace qvlrt
