// One overload per row op: what a kernel does for one row.
#pragma once

#include "lib/Codegen/Rows/RowFrame.h"

#include "dialects/qvl/IR/Qvl.h"

namespace mlir::qvl {

/// Each emits the work of row `row` of the kernel's grid at the frame's insertion point. Rows are
/// those of the result, except for merge_rows, rms_norm with a merge and regroup, which take rows
/// of the input.
void emitRow(RowFrame &frame, RmsNormOp op, Value row);
void emitRow(RowFrame &frame, AddOp op, Value row);
void emitRow(RowFrame &frame, MulOp op, Value row);
void emitRow(RowFrame &frame, SiluOp op, Value row);
void emitRow(RowFrame &frame, GeluOp op, Value row);
void emitRow(RowFrame &frame, CastOp op, Value row);
void emitRow(RowFrame &frame, RopeTableOp op, Value row);
void emitRow(RowFrame &frame, RotateOp op, Value row);
void emitRow(RowFrame &frame, RopeQkOp op, Value row);
void emitRow(RowFrame &frame, RopeAppendOp op, Value row);
void emitRow(RowFrame &frame, EmbedOp op, Value row);
void emitRow(RowFrame &frame, GatherRowsOp op, Value row);
void emitRow(RowFrame &frame, MergeFeaturesOp op, Value row);
void emitRow(RowFrame &frame, RegroupOp op, Value row);
void emitRow(RowFrame &frame, SplitHeadsOp op, Value row);
void emitRow(RowFrame &frame, MergeRowsOp op, Value row);
void emitRow(RowFrame &frame, CacheAppendOp op, Value row);

/// Whether the op of a kernel function works row by row on sizes and stored forms that the emitters
/// know. Emits an error at the kernel function.
LogicalResult checkRowKernel(func::FuncOp kernel);
/// emitRow() of any of these ops.
void emitRowOf(RowFrame &frame, Operation *op, Value row);

/// Elements of one row: the product of all dimensions but the first.
inline int64_t rowElements(Value tensor) {
  return ShapedType::getNumElements(
      cast<RankedTensorType>(tensor.getType()).getShape().drop_front());
}
inline Type elementOf(Value tensor) { return getElementTypeOrSelf(tensor); }

} // namespace mlir::qvl
