// A paged cache in kernel tests.
#pragma once

#include <cstdint>
#include <string>

namespace qvl::test {

/// The type of a cache and its layout: pages of `[layer][K|V][kv_head]`, values as
/// [page][head_dim], keys the same on GPUs and as [head_dim][page] on CPUs.
struct CacheShape {
  int64_t layers, heads, headDim, page;
  std::string element;

  std::string type() const {
    return "!qvl.cache<" + std::to_string(layers) + ", " + std::to_string(heads) + ", " +
           std::to_string(headDim) + ", " + std::to_string(page) + ", " + element + ">";
  }
  int64_t elements(int64_t pages) const { return pages * layers * 2 * heads * headDim * page; }
  /// Place of a key or value in the cache.
  int64_t place(int64_t slot, int64_t layer, bool value, int64_t head, int64_t d,
                bool isOnGpu) const {
    int64_t number = slot / page, token = slot % page;
    int64_t block = ((number * layers + layer) * 2 + value) * heads + head;
    return block * headDim * page + (value || isOnGpu ? token * headDim + d : d * page + token);
  }
  /// A kernel that appends f32 keys and values.
  std::string appendText() const {
    std::string rows =
        "tensor<?x" + std::to_string(heads) + "x" + std::to_string(headDim) + "xf32>";
    return "func.func @kernel(%k: " + rows + ", %v: " + rows + ", %c: " + type() +
           ", %layer: index, %slots: tensor<?xi64>) -> " + type() +
           " {\n  %r = qvl.cache_append %k, %v, %c layer(%layer) slots(%slots) : " + rows +
           ", tensor<?xi64>, " + type() + "\n  return %r : " + type() + "\n}\n";
  }
};

} // namespace qvl::test
