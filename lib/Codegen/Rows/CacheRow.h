// The place of a row in the paged cache.
#pragma once

#include "lib/Codegen/Emit/CacheLayout.h"
#include "lib/Codegen/Emit/KernelFrame.h"

namespace mlir::qvl {

/// Key and value of one token in one layer of the cache, in memory.
class CacheRow {
public:
  /// The slot of row `row`: `slots`, `cache` and `layer` are arguments of the kernel function.
  CacheRow(KernelFrame &frame, Value cache, Value slots, Value layer, Value row);

  /// The address of element `place` of the key of a head. Keys are transposed: the next element is
  /// one line of the page further.
  Value key(Value head, Value place);
  /// Stores a vector from element `place` of the key of a head on, rounded to the cache's elements.
  void storeKey(Value head, Value place, Value vector);
  /// Stores the values of all heads, neighbours from `from` on, rounded to the cache's elements.
  void storeValues(Value from, Type element);

private:
  ImplicitLocOpBuilder &b;
  CacheType type;
  CacheLayout layout;
  Value cache, layer, page, token;
};

} // namespace mlir::qvl
