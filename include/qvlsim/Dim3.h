// Extents and coordinates of grids, blocks and clusters.
#pragma once

#include <cstdint>

namespace qvlsim {

/// Three extents, or three coordinates; x varies fastest.
struct Dim3 {
  std::uint32_t x = 1, y = 1, z = 1;

  constexpr std::uint64_t volume() const { return std::uint64_t{x} * y * z; }
  friend constexpr bool operator==(const Dim3 &, const Dim3 &) = default;
};

} // namespace qvlsim
