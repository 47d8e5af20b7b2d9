// Root-mean-square normalisation.

#include "lib/Codegen/Emit/VectorMemory.h"
#include "lib/Codegen/Rows/RowEmitters.h"
#include "lib/Codegen/Rows/RowLoops.h"
#include "lib/Codegen/Rows/RowTensors.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

namespace mlir::qvl {

/// The sum of squares of a row.
static Value sumOfSquares(RowFrame &frame, const RowMemory &x) {
  ImplicitLocOpBuilder &b = frame.builder();
  return frame.sumChunks(x.count, [&](Value offset, Value sums) -> Value {
    auto type = cast<VectorType>(sums.getType());
    Value pointer = elementPointer(b, x.element, x.pointer, offset);
    Value elements =
        load(b, type.clone(x.element), pointer, frame.alignment(x.element, type.getDimSize(0)));
    Value value = convertFloat(b, elements, b.getF32Type());
    return math::FmaOp::create(b, value, value, sums);
  });
}

/// Merged rows have the same order in memory, so `row` counts rows of the input in any case.
static void emitNorm(RowFrame &frame, RmsNormOp op, Value row) {
  ImplicitLocOpBuilder &b = frame.builder();
  int64_t columns = rowElements(op.getInput());
  Type element = elementOf(op.getInput()), f32 = b.getF32Type();
  auto encoding = cast<FlatAttr>(encodingOf(op.getWeight()));
  RowMemory input{rowPointer(b, element, frame.buffer(op.getInput()), row, columns), element,
                  columns};
  RowMemory weight{frame.buffer(op.getWeight()), encoding.getElement(), columns};
  RowMemory result{rowPointer(b, element, frame.resultBuffer(0), row, columns), element, columns};
  Value mean = arith::DivFOp::create(b, sumOfSquares(frame, input), constantFloat(b, f32, columns));
  Value shifted =
      arith::AddFOp::create(b, mean, constantFloat(b, f32, op.getEps().convertToDouble()));
  Value scale = math::RsqrtOp::create(b, shifted);
  emitPointwise(frame, {input, weight}, result, [&](ImplicitLocOpBuilder &inner, ValueRange x) {
    Value normal = arith::MulFOp::create(inner, x[0], scale);
    return arith::MulFOp::create(inner, normal, x[1]).getResult();
  });
}

void emitRow(RowFrame &frame, RmsNormOp op, Value row) {
  int64_t merge = static_cast<int64_t>(op.getMerge().value_or(1));
  forRowsOfWholeGroups(frame, row, merge, [&] { emitNorm(frame, op, row); });
}

} // namespace mlir::qvl
