// Rotation of the heads of a row.
#pragma once

#include "lib/Codegen/Rows/RowFrame.h"

namespace mlir::qvl {

/// Neighbouring heads of one row: `count` of `headDim` elements each, from `pointer` on, which is a
/// multiple of headDim elements of its buffer.
struct RowHeads {
  Value pointer;
  Type element;
  int64_t count, headDim;
};

/// Rotates heads by a row of a rotary table ([headDim / 2, 2] f32: cos, sin) in f32. `store` gets
/// every part of a rotated head, rounded to the element type of the heads: a vector, its head and
/// its place in it. It is called twice for each form of chunk, once a half.
void rotateHeads(RowFrame &frame, const RowHeads &heads, Value table,
                 function_ref<void(Value head, Value place, Value rotated)> store);

} // namespace mlir::qvl
