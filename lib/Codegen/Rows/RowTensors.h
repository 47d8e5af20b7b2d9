// Rows as tensors, for arithmetic written with linalg.
#pragma once

#include "lib/Codegen/Rows/RowFrame.h"

namespace mlir::qvl {

/// `count` elements of type `element` in memory, at a multiple of `count` of a buffer.
struct RowMemory {
  Value pointer;
  Type element;
  int64_t count;
};

/// Elementwise arithmetic of equally long rows, a linalg.generic on tensors for each form of chunk:
/// `body` sees and
/// returns f32 scalars; inputs are widened and the result is rounded to the element type of its
/// memory. Values of f32 from outside may be used inside.
void emitPointwise(RowFrame &frame, ArrayRef<RowMemory> inputs, RowMemory result,
                   function_ref<Value(ImplicitLocOpBuilder &, ValueRange)> body);

/// What becomes of conversions between bf16 and f32.
enum class Bf16Conversion { Integers, Native };

/// Vectorizes every linalg.generic of emitPointwise in `function`, bufferizes the tensors into the
/// memory they came from, and lowers conversions of bf16 that the target lacks. Fails with an error
/// where that would need an allocation or a copy.
LogicalResult lowerRowTensors(func::FuncOp function, Bf16Conversion conversion);

} // namespace mlir::qvl
