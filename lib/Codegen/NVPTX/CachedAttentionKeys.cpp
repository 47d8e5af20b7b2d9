#include "CachedAttentionKeys.h"

namespace mlir::qvl {

KeysInMemory CachedKeys::block(Value sequence, Value head, Value first) {
  Value row = product(b, sequence, frame.size(op.blockTable, 1));
  Value page = entry(op.blockTable, sum(b, row, quotient(b, first, type.getPage())));
  Value inPage = product(b, remainder(b, first, type.getPage()), layout.keyTokenStride());
  Value layer = frame.scalar(op.layer), cache = frame.buffer(op.cache);
  auto at = [&](Value head) {
    return elementPointer(b, type.getElement(), cache, sum(b, head, inPage));
  };
  return {at(layout.keys(b, page, layer, head)), at(layout.values(b, page, layer, head)),
          layout.keyTokenStride()}; // values lie as keys do
}

} // namespace mlir::qvl
