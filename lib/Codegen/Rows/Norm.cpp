// Root-mean-square normalisation.

#include "lib/Codegen/Emit/Loops.h"
#include "lib/Codegen/Rows/RowEmitters.h"
#include "lib/Codegen/Rows/RowLoops.h"
#include "lib/Codegen/Rows/RowTensors.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

namespace mlir::qvl {

/// sum + x², lane by lane, with `x` the elements of the row from `offset` on.
static Value addSquares(ImplicitLocOpBuilder &b, const RowMemory &x, Value offset, Value sum) {
  auto type = cast<VectorType>(sum.getType());
  Value pointer = elementPointer(b, x.element, x.pointer, offset);
  Value value = convertFloat(b, load(b, type.clone(x.element), pointer), b.getF32Type());
  return math::FmaOp::create(b, value, value, sum);
}

/// The sum of squares of a row as a scalar. Its order of additions is fixed here, and not left to a
/// reduction op, because results must not differ between batches (or targets): element `i` of the
/// full chunks goes to lane `i mod kChunk`, then the upper half of the lanes is added to the lower
/// until one is left; a part of the tail joins where the lanes are as many as its elements.
static Value sumOfSquares(ImplicitLocOpBuilder &b, const RowMemory &x) {
  auto type = VectorType::get({kChunk}, b.getF32Type());
  int64_t offset = x.count / kChunk * kChunk;
  Value zero = constantFloat(b, type, 0);
  Value sum = forLoop(b, constantIndex(b, 0), constantIndex(b, offset), kChunk, zero,
                      [&](Value position, MutableArrayRef<Value> sums) {
                        sums[0] = addSquares(b, x, position, sums[0]);
                      })
                  .front();
  for (int64_t lanes = kChunk / 2; lanes > 0; lanes /= 2) {
    Value lower = vector::ExtractStridedSliceOp::create(b, sum, 0, lanes, 1);
    Value upper = vector::ExtractStridedSliceOp::create(b, sum, lanes, lanes, 1);
    sum = arith::AddFOp::create(b, lower, upper);
    if (x.count & lanes) {
      sum = addSquares(b, x, constantIndex(b, offset), sum);
      offset += lanes;
    }
  }
  return vector::ExtractOp::create(b, sum, 0);
}

/// Merged rows have the same order in memory, so `row` counts rows of the input in any case.
static void emitNorm(KernelFrame &frame, RmsNormOp op, Value row) {
  ImplicitLocOpBuilder &b = frame.builder();
  int64_t columns = rowElements(op.getInput());
  Type element = elementOf(op.getInput()), f32 = b.getF32Type();
  auto encoding = cast<FlatAttr>(encodingOf(op.getWeight()));
  RowMemory input{rowPointer(b, element, frame.buffer(op.getInput()), row, columns), element,
                  columns};
  RowMemory weight{frame.buffer(op.getWeight()), encoding.getElement(), columns};
  RowMemory result{rowPointer(b, element, frame.resultBuffer(0), row, columns), element, columns};
  Value mean = arith::DivFOp::create(b, sumOfSquares(b, input), constantFloat(b, f32, columns));
  Value shifted =
      arith::AddFOp::create(b, mean, constantFloat(b, f32, op.getEps().convertToDouble()));
  Value scale = math::RsqrtOp::create(b, shifted);
  emitPointwise(b, {input, weight}, result, [&](ImplicitLocOpBuilder &inner, ValueRange x) {
    Value normal = arith::MulFOp::create(inner, x[0], scale);
    return arith::MulFOp::create(inner, normal, x[1]).getResult();
  });
}

void emitRow(KernelFrame &frame, RmsNormOp op, Value row) {
  int64_t merge = static_cast<int64_t>(op.getMerge().value_or(1));
  forRowsOfWholeGroups(frame, row, merge, [&] { emitNorm(frame, op, row); });
}

} // namespace mlir::qvl
