// Elementwise ops: each is one expression on f32 scalars.

#include "lib/Codegen/Rows/RowEmitters.h"
#include "lib/Codegen/Rows/RowLoops.h"
#include "lib/Codegen/Rows/RowTensors.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

namespace mlir::qvl {

using Scalar = function_ref<Value(ImplicitLocOpBuilder &, ValueRange)>;

/// One row of an op whose operands and result have rows of one length.
static void emitElementwise(RowFrame &frame, Operation *op, Value row, Scalar scalar) {
  ImplicitLocOpBuilder &b = frame.builder();
  auto memory = [&](Value tensor, Value base) {
    int64_t count = rowElements(tensor);
    return RowMemory{rowPointer(b, elementOf(tensor), base, row, count), elementOf(tensor), count};
  };
  SmallVector<RowMemory> inputs;
  for (Value operand : op->getOperands())
    inputs.push_back(memory(operand, frame.buffer(operand)));
  emitPointwise(frame, inputs, memory(op->getResult(0), frame.resultBuffer(0)), scalar);
}

static Value constantF32(ImplicitLocOpBuilder &b, double value) {
  return arith::ConstantOp::create(b, b.getFloatAttr(b.getF32Type(), value));
}

void emitRow(RowFrame &frame, AddOp op, Value row) {
  emitElementwise(frame, op, row, [](ImplicitLocOpBuilder &b, ValueRange x) -> Value {
    return arith::AddFOp::create(b, x[0], x[1]);
  });
}

void emitRow(RowFrame &frame, MulOp op, Value row) {
  emitElementwise(frame, op, row, [](ImplicitLocOpBuilder &b, ValueRange x) -> Value {
    return arith::MulFOp::create(b, x[0], x[1]);
  });
}

/// x / (1 + exp(−x)).
void emitRow(RowFrame &frame, SiluOp op, Value row) {
  emitElementwise(frame, op, row, [](ImplicitLocOpBuilder &b, ValueRange x) -> Value {
    Value power = math::ExpOp::create(b, arith::NegFOp::create(b, x[0]));
    Value divisor = arith::AddFOp::create(b, constantF32(b, 1), power);
    return arith::DivFOp::create(b, x[0], divisor);
  });
}

/// x/2 · (1 + erf(x / √2)).
void emitRow(RowFrame &frame, GeluOp op, Value row) {
  emitElementwise(frame, op, row, [](ImplicitLocOpBuilder &b, ValueRange x) -> Value {
    Value scaled = arith::MulFOp::create(b, x[0], constantF32(b, 0.70710678118654752));
    Value half = arith::MulFOp::create(b, x[0], constantF32(b, 0.5));
    Value factor = arith::AddFOp::create(b, constantF32(b, 1), math::ErfOp::create(b, scaled));
    return arith::MulFOp::create(b, half, factor);
  });
}

void emitRow(RowFrame &frame, CastOp op, Value row) {
  emitElementwise(frame, op, row, [](ImplicitLocOpBuilder &, ValueRange x) { return x[0]; });
}

} // namespace mlir::qvl
