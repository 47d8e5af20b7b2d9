#include "Isa/TileMultiply.h"

#include <algorithm>

namespace qvlsim {
namespace {

/// Strips of columns stay in registers over K. Always inline: the instructions are its caller's.
template <unsigned kStrip, typename T>
__attribute__((always_inline)) inline void multiplyStrips(const TileProduct<T> &p) {
  for (unsigned start = 0; start < p.columns; start += kStrip)
    for (unsigned r = 0; r < p.rows; ++r) {
      T sum[kStrip] = {};
      for (unsigned k = 0; k < p.depth; ++k)
        for (unsigned c = 0; c < kStrip; ++c)
          sum[c] += p.a[r * p.strideA + k] * p.b[k * p.strideB + start + c];
      std::copy(sum, sum + kStrip, p.sum + r * p.strideSum + start);
    }
}

template <typename T>
__attribute__((always_inline)) inline void multiplyAny(const TileProduct<T> &p) {
  if (p.columns % 32 == 0)
    multiplyStrips<32>(p);
  else
    multiplyStrips<8>(p);
}

} // namespace

__attribute__((target_clones("avx2", "default"))) void
multiplyTiles(const TileProduct<float> &product) {
  multiplyAny(product);
}

__attribute__((target_clones("avx2", "default"))) void
multiplyTiles(const TileProduct<std::int32_t> &product) {
  multiplyAny(product);
}

} // namespace qvlsim
