// The elements of checkpoint tensors in memory, each converting to f32 exactly.
#pragma once

#include <bit>
#include <cstdint>

namespace qvl {

struct BFloat16 {
  uint16_t bits;
  operator float() const { return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16); }
};
using Float16 = _Float16;

} // namespace qvl
