// Keys and values of new rows into the pages of the cache.

#include "lib/Codegen/Emit/IndexArithmetic.h"
#include "lib/Codegen/Rows/CacheRow.h"
#include "lib/Codegen/Rows/Rotation.h"
#include "lib/Codegen/Rows/RowEmitters.h"
#include "lib/Codegen/Rows/RowLoops.h"

namespace mlir::qvl {

void emitRow(RowFrame &frame, CacheAppendOp op, Value row) {
  ImplicitLocOpBuilder &b = frame.builder();
  CacheType type = op.getCache().getType();
  int64_t columns = type.getKvHeads() * type.getHeadDim();
  Type element = elementOf(op.getKey());
  CacheRow cache(frame, op.getCache(), op.getSlots(), op.getLayer(), row);
  cache.storeKeys(rowPointer(b, element, frame.buffer(op.getKey()), row, columns), element);
  cache.storeValues(rowPointer(b, element, frame.buffer(op.getValue()), row, columns), element);
}

void emitRow(RowFrame &frame, RopeAppendOp op, Value row) {
  ImplicitLocOpBuilder &b = frame.builder();
  CacheType type = op.getCache().getType();
  int64_t headDim = type.getHeadDim(), kvHeads = type.getKvHeads();
  int64_t queryHeads = static_cast<int64_t>(op.getQHeads()), queryColumns = queryHeads * headDim;
  Type element = elementOf(op.getInput());
  CacheRow cache(frame, op.getCache(), op.getSlots(), op.getLayer(), row);
  Value joined =
      rowPointer(b, element, frame.buffer(op.getInput()), row, rowElements(op.getInput()));
  Value table =
      rowPointer(b, b.getF32Type(), frame.buffer(op.getTable()), row, rowElements(op.getTable()));
  Value query = rowPointer(b, element, frame.resultBuffer(0), row, queryColumns);
  Value keys = elementPointer(b, element, joined, queryColumns);
  rotateHeads(frame, {joined, element, queryHeads, headDim}, table,
              [&](Value head, Value place, Value rotated) {
                Value offset = sum(b, product(b, head, headDim), place);
                storeVector(frame, rotated, elementPointer(b, element, query, offset));
              });
  rotateHeads(
      frame, {keys, element, kvHeads, headDim}, table,
      [&](Value head, Value place, Value rotated) { cache.storeKey(head, place, rotated); });
  cache.storeValues(elementPointer(b, element, keys, kvHeads * headDim), element);
}

} // namespace mlir::qvl
