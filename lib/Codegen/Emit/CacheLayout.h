// Where keys and values lie in a page of the KV cache on CPUs.
#pragma once

#include "VectorMemory.h"
#include "dialects/qvl/IR/Qvl.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

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
    auto scaledSum = [&](Value value, int64_t factor, Value addend) {
      Value product = arith::MulIOp::create(b, value, constantIndex(b, factor));
      return arith::AddIOp::create(b, product, addend).getResult();
    };
    int64_t heads = type.getKvHeads(), elements = type.getHeadElements();
    Value inPart = scaledSum(head, elements, constantIndex(b, part * heads * elements));
    Value inLayer = scaledSum(layer, 2 * heads * elements, inPart);
    return scaledSum(page, type.getPageElements(), inLayer);
  }

  CacheType type;
};

} // namespace mlir::qvl
