// The place of a row in the paged cache.
#pragma once

#include "lib/Codegen/Emit/CacheLayout.h"
#include "lib/Codegen/Rows/RowFrame.h"

namespace mlir::qvl {

/// Key and value of one token in one layer of the cache, in memory.
class CacheRow {
public:
  /// The slot of row `row`: `slots`, `cache` and `layer` are arguments of the kernel function.
  CacheRow(RowFrame &frame, Value cache, Value slots, Value layer, Value row);

  /// Stores a vector from element `place` of the key of a head on, rounded to the cache's elements.
  void storeKey(Value head, Value place, Value vector);
  /// Stores keys or values of all heads, neighbours from `from` on, which is a multiple of head_dim
  /// elements of its buffer, rounded to the cache's elements.
  void storeKeys(Value from, Type element);
  void storeValues(Value from, Type element);

private:
  RowFrame &frame;
  ImplicitLocOpBuilder &b;
  CacheType type;
  CacheLayout layout;
  Value cache, layer, page, token;
};

} // namespace mlir::qvl
