// The product of dense tiles, for mma.sync and wgmma.
#pragma once

#include <cstddef>
#include <cstdint>

namespace qvlsim {

/// Row-major tiles; strides in elements, `columns` a multiple of 8.
template <typename T> struct TileProduct {
  const T *a;
  std::size_t strideA;
  const T *b;
  std::size_t strideB;
  T *sum;
  std::size_t strideSum;
  unsigned rows, columns, depth;
};

/// sum = a b. Each sum starts from zero and takes K ascending, products and sums rounded one by
/// one, whatever vectors the machine has: results do not depend on it.
void multiplyTiles(const TileProduct<float> &product);
/// Exact modulo 2^32; operands of 8 bits never leave its range.
void multiplyTiles(const TileProduct<std::int32_t> &product);

} // namespace qvlsim
