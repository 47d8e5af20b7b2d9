// Where keys and values lie in a page of the KV cache on CPUs.
#pragma once

#include "IndexArithmetic.h"
#include "dialects/qvl/IR/Qvl.h"

namespace mlir::qvl {

/// A page is `[layer][K|V][kv_head]` and inside that K as `[head_dim][page]` (transposed, so that
/// the lanes of a vector are tokens) and V as `[page][head_dim]`. Offsets are 64-bit counts of
/// elements from the base of the cache.
class CacheLayout {
public:
  explicit CacheLayout(CacheType type) : type(type) {}

  /// Elements from one row of keys (one place in head_dim) to the next, and between rows of values.
  int64_t keyStride() const { return type.getPage(); }
  int64_t valueStride() const { return type.getHeadDim(); }

  /// First element of the keys of a head in a page.
  Value keys(ImplicitLocOpBuilder &b, Value page, Value layer, Value head) const {
    return headOffset(b, page, layer, head, 0);
  }
  /// First element of the values of a head in a page.
  Value values(ImplicitLocOpBuilder &b, Value page, Value layer, Value head) const {
    return headOffset(b, page, layer, head, 1);
  }

private:
  Value headOffset(ImplicitLocOpBuilder &b, Value page, Value layer, Value head,
                   int64_t part) const {
    int64_t heads = type.getKvHeads(), elements = type.getHeadElements();
    Value inLayer = sum(b, product(b, head, elements), part * heads * elements);
    Value inPage = sum(b, product(b, layer, 2 * heads * elements), inLayer);
    return sum(b, product(b, page, type.getPageElements()), inPage);
  }

  CacheType type;
};

} // namespace mlir::qvl
