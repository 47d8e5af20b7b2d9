// Rotary tables and rotations.

#include "OpFunctions.h"

#include <cmath>

using namespace mlir;
using namespace mlir::qvl;
using namespace mlir::qvl::reference;

FailureOr<Results> reference::evaluateOp(RopeTableOp op, const Operands &operands) {
  const Tensor &positions = operands.tensor(0);
  SmallVector<float> frequencies =
      ropeFrequencies(op.getTheta().convertToDouble(), op.getSections(), op.getFrequencies());
  SmallVector<int64_t> axes = ropeAxes(op.getSections());
  int64_t rows = positions.columns(), angles = static_cast<int64_t>(axes.size());
  FailureOr<RowMap> column =
      makeRowMap(op, operands.optionalTensor(1), op.getRowGroup(), positions.columns());
  if (failed(column))
    return failure();
  return Results{operands.inPrecision([&](auto zero) {
    using Real = decltype(zero);
    Tensor table({rows, angles, 2});
    for (int64_t t = 0; t < rows; ++t)
      for (int64_t i = 0; i < angles; ++i) {
        // The angle is an f32 product in every precision: it is part of the model's definition.
        float angle = static_cast<float>(positions.row(axes[i])[(*column)(t)]) * frequencies[i];
        table.row(t)[2 * i] = std::cos(static_cast<Real>(angle));
        table.row(t)[2 * i + 1] = std::sin(static_cast<Real>(angle));
      }
    return table;
  })};
}

/// For d < n: result[d] = x[d]·cos[d] − x[d+n]·sin[d], result[d+n] = x[d+n]·cos[d] + x[d]·sin[d]
template <typename Real>
static void rotateHead(const double *x, const double *table, int64_t angles, double *result) {
  for (int64_t d = 0; d < angles; ++d) {
    auto cos = static_cast<Real>(table[2 * d]), sin = static_cast<Real>(table[2 * d + 1]);
    auto low = static_cast<Real>(x[d]), high = static_cast<Real>(x[d + angles]);
    result[d] = low * cos - high * sin;
    result[d + angles] = high * cos + low * sin;
  }
}

FailureOr<Tensor> reference::rotateHeads(Operation *op, const Tensor &input, const Tensor &table,
                                         Precision precision) {
  if (failed(checkRows(op, "table", table, input.rows())))
    return failure();
  int64_t heads = input.shape[1], headDim = input.shape[2];
  Tensor result(input.shape);
  inPrecision(precision, [&](auto zero) {
    for (int64_t t = 0; t < input.rows(); ++t)
      for (int64_t h = 0; h < heads; ++h)
        rotateHead<decltype(zero)>(input.row(t) + h * headDim, table.row(t), headDim / 2,
                                   result.row(t) + h * headDim);
  });
  return result;
}

FailureOr<Results> reference::evaluateOp(RotateOp op, const Operands &operands) {
  FailureOr<Tensor> result =
      rotateHeads(op, operands.tensor(0), operands.tensor(1), operands.getPrecision());
  if (failed(result))
    return failure();
  return Results{std::move(*result)};
}
