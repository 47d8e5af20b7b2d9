// Where keys and values lie in a page of the KV cache.
#pragma once

#include "IndexArithmetic.h"
#include "dialects/qvl/IR/Qvl.h"
#include "qvl/Codegen/TileGrid.h"

namespace mlir::qvl {

/// A page is `[layer][K|V][kv_head]` and inside that V as `[page][head_dim]`. K is the same on GPUs
/// and `[head_dim][page]` on CPUs: transposed, so that the lanes of a vector are tokens. Offsets
/// are 64-bit counts of elements from the base of the cache.
class CacheLayout {
public:
  explicit CacheLayout(CacheType type, TargetKind target = TargetKind::Cpu)
      : type(type), keysAreTransposed(target == TargetKind::Cpu) {}

  /// Elements from one place in head_dim of a key to the next, and from a token's key or value to
  /// the next token's.
  int64_t keyPlaceStride() const { return keysAreTransposed ? type.getPage() : 1; }
  int64_t keyTokenStride() const { return keysAreTransposed ? 1 : type.getHeadDim(); }
  int64_t valueTokenStride() const { return type.getHeadDim(); }

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
  bool keysAreTransposed;
};

} // namespace mlir::qvl
