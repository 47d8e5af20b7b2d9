// One overload per row op: what a kernel does for one row.
#pragma once

#include "lib/Codegen/Emit/KernelFrame.h"

#include "dialects/qvl/IR/Qvl.h"

namespace mlir::qvl {

/// Each emits the work of row `row` of the kernel's grid at the frame's insertion point. Rows are
/// those of the result, except for merge_rows, rms_norm with a merge and regroup, which take rows
/// of the input.
void emitRow(KernelFrame &frame, RmsNormOp op, Value row);
void emitRow(KernelFrame &frame, AddOp op, Value row);
void emitRow(KernelFrame &frame, MulOp op, Value row);
void emitRow(KernelFrame &frame, SiluOp op, Value row);
void emitRow(KernelFrame &frame, GeluOp op, Value row);
void emitRow(KernelFrame &frame, CastOp op, Value row);
void emitRow(KernelFrame &frame, RopeTableOp op, Value row);
void emitRow(KernelFrame &frame, RotateOp op, Value row);
void emitRow(KernelFrame &frame, RopeQkOp op, Value row);
void emitRow(KernelFrame &frame, RopeAppendOp op, Value row);
void emitRow(KernelFrame &frame, EmbedOp op, Value row);
void emitRow(KernelFrame &frame, GatherRowsOp op, Value row);
void emitRow(KernelFrame &frame, MergeFeaturesOp op, Value row);
void emitRow(KernelFrame &frame, RegroupOp op, Value row);
void emitRow(KernelFrame &frame, SplitHeadsOp op, Value row);
void emitRow(KernelFrame &frame, MergeRowsOp op, Value row);
void emitRow(KernelFrame &frame, CacheAppendOp op, Value row);

/// Elements of one row: the product of all dimensions but the first.
inline int64_t rowElements(Value tensor) {
  return ShapedType::getNumElements(
      cast<RankedTensorType>(tensor.getType()).getShape().drop_front());
}
inline Type elementOf(Value tensor) { return getElementTypeOrSelf(tensor); }

} // namespace mlir::qvl
