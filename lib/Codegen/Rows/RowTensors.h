// Rows as tensors, for arithmetic written with linalg.
#pragma once

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace mlir::qvl {

/// `count` elements of type `element` in memory.
struct RowMemory {
  Value pointer;
  Type element;
  int64_t count;
};

/// Elementwise arithmetic of equally long rows as one linalg.generic on tensors: `body` sees and
/// returns f32 scalars; inputs are widened and the result is rounded to the element type of its
/// memory. Values of f32 from outside may be used inside.
void emitPointwise(ImplicitLocOpBuilder &b, ArrayRef<RowMemory> inputs, RowMemory result,
                   function_ref<Value(ImplicitLocOpBuilder &, ValueRange)> body);

/// Tiles and vectorizes every linalg.generic of emitPointwise in `function`, bufferizes the tensors
/// into the memory they came from, and lowers what bf16 arithmetic is left. Fails with an error
/// where that would need an allocation or a copy.
LogicalResult lowerRowTensors(func::FuncOp function);

} // namespace mlir::qvl
