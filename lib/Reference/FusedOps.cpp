// The ops that fusion makes, composed of what the traced ops are made of.

#include "Epilogue.h"

using namespace mlir;
using namespace mlir::qvl;
using namespace mlir::qvl::reference;

/// An epilogue operand for each element of a result of `rows` rows: a vector gives each row its
/// elements. A diagnostic when its rows are others.
static FailureOr<Tensor> broadcastRows(FusedLinearOp op, const Tensor &operand, int64_t rows) {
  if (operand.rank() == 2)
    return failed(checkRows(op, "epilogue operand", operand, rows)) ? FailureOr<Tensor>(failure())
                                                                    : FailureOr<Tensor>(operand);
  Tensor result({rows, operand.size()});
  for (int64_t t = 0; t < rows; ++t)
    llvm::copy(operand.values, result.row(t));
  return result;
}

/// Part `part` of `count` equal ones of the columns.
static Tensor columnsOf(const Tensor &matrix, int64_t part, int64_t count) {
  int64_t columns = matrix.shape[1] / count;
  Tensor result({matrix.rows(), columns});
  for (int64_t t = 0; t < matrix.rows(); ++t)
    std::copy_n(matrix.row(t) + part * columns, columns, result.row(t));
  return result;
}

FailureOr<Results> reference::evaluateOp(FusedLinearOp op, const Operands &operands) {
  const Tensor &input = operands.tensor(0);
  FailureOr<RowMap> load =
      makeRowMap(op, operands.tensorOf(op, op.getLoadIndex()), op.getLoadGroup(), input.rows());
  FailureOr<RowMap> store =
      makeRowMap(op, operands.tensorOf(op, op.getStoreIndex()), op.getStoreGroup(), input.rows());
  if (failed(load) || failed(store))
    return failure();
  std::vector<Tensor> arguments;
  Tensor loaded = loadRows(input, *load);
  Tensor sums =
      project(loaded, *operands.tensorOf(op, op.getWeight()), nullptr, operands.getPrecision());
  for (int64_t weight = 0, count = op.getWeightCount(); weight < count; ++weight)
    arguments.push_back(columnsOf(sums, weight, count));
  for (Value operand : op.getEpilogueOperands()) {
    FailureOr<Tensor> rows = broadcastRows(op, *operands.tensorOf(op, operand), input.rows());
    if (failed(rows))
      return failure();
    arguments.push_back(std::move(*rows));
  }
  FailureOr<Tensor> result = evaluateEpilogue(op, std::move(arguments), operands.getPrecision());
  if (failed(result))
    return failure();
  return Results{storeRows(*result, *store)};
}

FailureOr<Results> reference::evaluateOp(RopeQkOp op, const Operands &operands) {
  std::vector<Tensor> parts =
      splitHeads(operands.tensor(0), op.getHeads(), static_cast<int64_t>(op.getHeadDim()));
  Results results;
  for (Tensor &part : MutableArrayRef(parts).take_front(2)) {
    FailureOr<Tensor> rotated = rotateHeads(op, part, operands.tensor(1), operands.getPrecision());
    if (failed(rotated))
      return failure();
    results.push_back(std::move(*rotated));
  }
  results.push_back(std::move(parts[2]));
  return results;
}

FailureOr<Results> reference::evaluateOp(RopeAppendOp op, const Operands &operands) {
  CacheType type = op.getCache().getType();
  std::vector<Tensor> parts =
      splitHeads(operands.tensor(0),
                 {static_cast<int64_t>(op.getQHeads()), type.getKvHeads(), type.getKvHeads()},
                 type.getHeadDim());
  FailureOr<Tensor> query = rotateHeads(op, parts[0], operands.tensor(1), operands.getPrecision());
  FailureOr<Tensor> key = rotateHeads(op, parts[1], operands.tensor(1), operands.getPrecision());
  if (failed(query) || failed(key))
    return failure();
  // The key is no result of this op, but is rounded as if `rotate` had made it.
  if (Type element = op.getInput().getType().getElementType(); !element.isF32())
    roundToElement(key->values, element);
  FailureOr<Cache> cache =
      appendRows(op, *key, parts[2], operands.cache(2), operands.index(3), operands.tensor(4));
  if (failed(cache))
    return failure();
  return Results{std::move(*query), std::move(*cache)};
}
