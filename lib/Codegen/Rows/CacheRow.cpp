#include "lib/Codegen/Rows/CacheRow.h"

#include "lib/Codegen/Emit/IndexArithmetic.h"
#include "lib/Codegen/Rows/RowLoops.h"

#include "mlir/Dialect/Vector/IR/VectorOps.h"

namespace mlir::qvl {

CacheRow::CacheRow(KernelFrame &frame, Value cache, Value slots, Value layer, Value row)
    : b(frame.builder()), type(cast<CacheType>(cache.getType())), layout(type),
      cache(frame.buffer(cache)), layer(frame.scalar(layer)) {
  Value pointer = elementPointer(b, b.getI64Type(), frame.buffer(slots), row);
  Value slot = arith::IndexCastOp::create(b, b.getIndexType(), load(b, b.getI64Type(), pointer));
  page = quotient(b, slot, type.getPage());
  token = remainder(b, slot, type.getPage());
}

Value CacheRow::key(Value head, Value place) {
  Value line = product(b, place, layout.keyStride());
  Value offset = sum(b, sum(b, layout.keys(b, page, layer, head), token), line);
  return elementPointer(b, type.getElement(), cache, offset);
}

void CacheRow::storeKey(Value head, Value place, Value vector) {
  Value elements = convertFloat(b, vector, type.getElement()), line = key(head, place);
  int64_t width = cast<VectorType>(vector.getType()).getNumElements();
  for (int64_t lane = 0; lane < width; ++lane)
    store(b, vector::ExtractOp::create(b, elements, lane),
          elementPointer(b, type.getElement(), line, lane * layout.keyStride()));
}

void CacheRow::storeValues(Value from, Type element) {
  forEach(b, type.getKvHeads(), [&](Value head) {
    Value start =
        sum(b, layout.values(b, page, layer, head), product(b, token, layout.valueStride()));
    convertElements(
        b, element, elementPointer(b, element, from, product(b, head, type.getHeadDim())),
        type.getElement(), elementPointer(b, type.getElement(), cache, start), type.getHeadDim());
  });
}

} // namespace mlir::qvl
