// Keys and values of new rows into the pages of the cache.

#include "lib/Codegen/Emit/CacheLayout.h"
#include "lib/Codegen/Emit/IndexArithmetic.h"
#include "lib/Codegen/Rows/RowEmitters.h"
#include "lib/Codegen/Rows/RowLoops.h"

namespace mlir::qvl {

void emitRow(KernelFrame &frame, CacheAppendOp op, Value row) {
  ImplicitLocOpBuilder &b = frame.builder();
  CacheType type = op.getCache().getType();
  CacheLayout layout(type);
  int64_t headDim = type.getHeadDim(), columns = type.getKvHeads() * headDim;
  Type element = elementOf(op.getKey()), stored = type.getElement();
  Value cache = frame.buffer(op.getCache()), layer = frame.scalar(op.getLayer());
  Value slotPointer = elementPointer(b, b.getI64Type(), frame.buffer(op.getSlots()), row);
  Value slot =
      arith::IndexCastOp::create(b, b.getIndexType(), load(b, b.getI64Type(), slotPointer));
  Value page = quotient(b, slot, type.getPage()), token = remainder(b, slot, type.getPage());
  Value keys = rowPointer(b, element, frame.buffer(op.getKey()), row, columns);
  Value values = rowPointer(b, element, frame.buffer(op.getValue()), row, columns);
  forEach(b, type.getKvHeads(), [&](Value head) {
    Value headStart = product(b, head, headDim);
    // Keys are transposed: one element of the token in each line of the page.
    Value keyPlace = sum(b, layout.keys(b, page, layer, head), token);
    forEach(b, headDim, [&](Value d) {
      Value from = elementPointer(b, element, keys, sum(b, headStart, d));
      Value place = sum(b, keyPlace, product(b, d, layout.keyStride()));
      store(b, convertFloat(b, load(b, element, from), stored),
            elementPointer(b, stored, cache, place));
    });
    Value valuePlace =
        sum(b, layout.values(b, page, layer, head), product(b, token, layout.valueStride()));
    convertElements(b, element, elementPointer(b, element, values, headStart), stored,
                    elementPointer(b, stored, cache, valuePlace), headDim);
  });
}

} // namespace mlir::qvl
