#include "lib/Codegen/Rows/CacheRow.h"

#include "lib/Codegen/Emit/IndexArithmetic.h"
#include "lib/Codegen/Rows/RowLoops.h"

#include "mlir/Dialect/Vector/IR/VectorOps.h"

namespace mlir::qvl {

CacheRow::CacheRow(RowFrame &frame, Value cache, Value slots, Value layer, Value row)
    : frame(frame), b(frame.builder()), type(cast<CacheType>(cache.getType())),
      layout(type, frame.target()), cache(frame.buffer(cache)), layer(frame.scalar(layer)) {
  Value pointer = elementPointer(b, b.getI64Type(), frame.buffer(slots), row);
  Value slot = arith::IndexCastOp::create(b, b.getIndexType(), load(b, b.getI64Type(), pointer));
  page = quotient(b, slot, type.getPage());
  token = remainder(b, slot, type.getPage());
}

void CacheRow::storeKey(Value head, Value place, Value vector) {
  Value elements = convertFloat(b, vector, type.getElement());
  Value token = product(b, this->token, layout.keyTokenStride());
  Value line = sum(b, token, product(b, place, layout.keyPlaceStride()));
  Value offset = sum(b, layout.keys(b, page, layer, head), line);
  Value pointer = elementPointer(b, type.getElement(), cache, offset);
  if (layout.keyPlaceStride() == 1)
    return storeVector(frame, elements, pointer);
  int64_t width = cast<VectorType>(vector.getType()).getNumElements();
  for (int64_t lane = 0; lane < width; ++lane)
    store(b, vector::ExtractOp::create(b, elements, lane),
          elementPointer(b, type.getElement(), pointer, lane * layout.keyPlaceStride()));
}

void CacheRow::storeKeys(Value from, Type element) {
  int64_t headDim = type.getHeadDim();
  auto prepare = [](Value, int64_t) {};
  frame.forEachHeadChunk(type.getKvHeads(), headDim, headDim, kChunk, prepare,
                         [&](Value head, Value place, int64_t width) {
                           Value source = elementPointer(b, element, from,
                                                         sum(b, product(b, head, headDim), place));
                           storeKey(head, place,
                                    load(b, VectorType::get({width}, element), source,
                                         frame.alignment(element, width)));
                         });
}

void CacheRow::storeValues(Value from, Type element) {
  int64_t headDim = type.getHeadDim();
  Value inHead = product(b, token, layout.valueTokenStride());
  auto prepare = [](Value, int64_t) {};
  frame.forEachHeadChunk(
      type.getKvHeads(), headDim, headDim, kChunk, prepare,
      [&](Value head, Value place, int64_t width) {
        Value source = elementPointer(b, element, from, sum(b, product(b, head, headDim), place));
        Value offset = sum(b, sum(b, layout.values(b, page, layer, head), inHead), place);
        convertVector(frame, element, source, type.getElement(),
                      elementPointer(b, type.getElement(), cache, offset), width);
      });
}

} // namespace mlir::qvl
