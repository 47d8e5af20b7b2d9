// Ops that choose, permute and merge rows: pure moves, equal in every precision.

#include "OpFunctions.h"

using namespace mlir;
using namespace mlir::qvl;
using namespace mlir::qvl::reference;

static int64_t at(const Tensor &index, int64_t i) { return static_cast<int64_t>(index.values[i]); }

/// Copies row `source` of `from` over row `target` of `to`.
static void copyRow(const Tensor &from, int64_t source, Tensor &to, int64_t target) {
  std::copy_n(from.row(source), from.columns(), to.row(target));
}

/// result[r, :] = input[rows[r], :]
static Tensor pickRows(const Tensor &input, const Tensor &rows) {
  Tensor result({rows.size(), input.columns()});
  for (int64_t r = 0; r < rows.size(); ++r)
    copyRow(input, at(rows, r), result, r);
  return result;
}

FailureOr<Results> reference::evaluateOp(EmbedOp op, const Operands &operands) {
  const Tensor &ids = operands.tensor(0), &table = operands.tensor(1);
  if (failed(checkRange(op, "id", ids, 0, table.rows())))
    return failure();
  return Results{pickRows(table, ids)};
}

FailureOr<Results> reference::evaluateOp(GatherRowsOp op, const Operands &operands) {
  const Tensor &input = operands.tensor(0), &rows = operands.tensor(1);
  if (failed(checkRange(op, "row", rows, 0, input.rows())))
    return failure();
  return Results{pickRows(input, rows)};
}

FailureOr<Results> reference::evaluateOp(MergeFeaturesOp op, const Operands &operands) {
  const Tensor &embeddings = operands.tensor(0), &features = operands.tensor(1),
               &featureRows = operands.tensor(2);
  if (failed(checkRows(op, "feature_rows", featureRows, embeddings.rows())) ||
      failed(checkRange(op, "feature row", featureRows, std::numeric_limits<int32_t>::min(),
                        features.rows())))
    return failure();
  Tensor result = embeddings;
  for (int64_t t = 0; t < result.rows(); ++t)
    if (at(featureRows, t) >= 0)
      copyRow(features, at(featureRows, t), result, t);
  return Results{std::move(result)};
}

/// Fails unless `index` holds each of `0 .. size - 1` once.
static LogicalResult checkPermutation(Operation *op, const Tensor &index) {
  if (failed(checkRange(op, "group", index, 0, index.size())))
    return failure();
  std::vector<bool> seen(index.size(), false);
  for (int64_t i = 0; i < index.size(); ++i) {
    if (seen[at(index, i)])
      return op->emitOpError() << "index is not a permutation: group " << at(index, i)
                               << " stands in it twice";
    seen[at(index, i)] = true;
  }
  return success();
}

/// Fails unless every row lands in the segment it comes from.
static LogicalResult checkPreserving(RegroupOp op, const Tensor &index, const Tensor &segments,
                                     int64_t rows) {
  std::vector<int64_t> segmentOf(rows, -1);
  for (int64_t s = 0; s + 1 < segments.size(); ++s)
    for (int64_t row = std::max<int64_t>(at(segments, s), 0);
         row < std::min(at(segments, s + 1), rows); ++row)
      segmentOf[row] = s;
  auto group = static_cast<int64_t>(op.getGroup());
  for (int64_t i = 0; i < index.size(); ++i)
    for (int64_t j = 0; j < group; ++j)
      if (segmentOf[i * group + j] != segmentOf[at(index, i) * group + j])
        return op.emitOpError() << "index moves group " << at(index, i) << " into another segment";
  return success();
}

FailureOr<Results> reference::evaluateOp(RegroupOp op, const Operands &operands) {
  const Tensor &input = operands.tensor(0), &index = operands.tensor(1),
               &segments = operands.tensor(2);
  auto group = static_cast<int64_t>(op.getGroup());
  if (input.rows() % group != 0 || index.size() != input.rows() / group)
    return op.emitOpError() << "index of " << index.size() << " groups of " << group
                            << " rows does not fit " << input.rows() << " rows";
  if (failed(checkPermutation(op, index)) ||
      failed(checkPreserving(op, index, segments, input.rows())))
    return failure();
  Tensor result(input.shape);
  for (int64_t i = 0; i < index.size(); ++i)
    for (int64_t j = 0; j < group; ++j) {
      int64_t here = i * group + j, there = at(index, i) * group + j;
      if (op.getInverse())
        copyRow(input, here, result, there);
      else
        copyRow(input, there, result, here);
    }
  return Results{std::move(result)};
}

FailureOr<Results> reference::evaluateOp(MergeRowsOp op, const Operands &operands) {
  const Tensor &input = operands.tensor(0);
  auto rows = static_cast<int64_t>(op.getRows());
  if (input.rows() % rows != 0)
    return op.emitOpError() << input.rows() << " rows are no multiple of " << rows;
  // Row-major order already holds the merged rows.
  return Results{Tensor({input.rows() / rows, input.columns() * rows}, input.values)};
}
