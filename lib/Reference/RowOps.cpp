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

/// Fails unless `index` permutes the groups of `group` rows that `rows` rows are made of.
static LogicalResult checkRowGroups(Operation *op, const Tensor &index, int64_t group,
                                    int64_t rows) {
  if (rows % group != 0 || index.size() != rows / group)
    return op->emitOpError() << "index of " << index.size() << " groups of " << group
                             << " rows does not fit " << rows << " rows";
  return checkPermutation(op, index);
}

FailureOr<RowMap> reference::makeRowMap(Operation *op, const Tensor *index,
                                        std::optional<uint64_t> group, int64_t rows) {
  RowMap map{index, static_cast<int64_t>(group.value_or(1))};
  if (index && failed(checkRowGroups(op, *index, map.group, rows)))
    return failure();
  return map;
}

Tensor reference::loadRows(const Tensor &input, const RowMap &map) {
  Tensor result(input.shape);
  for (int64_t t = 0; t < input.rows(); ++t)
    copyRow(input, map(t), result, t);
  return result;
}

Tensor reference::storeRows(const Tensor &input, const RowMap &map) {
  Tensor result(input.shape);
  for (int64_t t = 0; t < input.rows(); ++t)
    copyRow(input, t, result, map(t));
  return result;
}

/// Fails unless every one of the rows that the segments count lands in the segment it comes from.
static LogicalResult checkPreserving(RegroupOp op, const Tensor &index, const Tensor &segments) {
  auto segmentOf = [&](int64_t row) {
    return llvm::upper_bound(segments.values, static_cast<double>(row)) - segments.values.begin();
  };
  int64_t group = static_cast<int64_t>(op.getGroup()) * op.getSegmentRows();
  for (int64_t i = 0; i < index.size(); ++i)
    for (int64_t j = 0; j < group; ++j)
      if (segmentOf(i * group + j) != segmentOf(at(index, i) * group + j))
        return op.emitOpError() << "index moves group " << at(index, i) << " into another segment";
  return success();
}

FailureOr<Results> reference::evaluateOp(RegroupOp op, const Operands &operands) {
  const Tensor &input = operands.tensor(0), &segments = operands.tensor(2);
  FailureOr<RowMap> map = makeRowMap(op, &operands.tensor(1), op.getGroup(), input.rows());
  if (failed(map) || failed(checkPreserving(op, *map->index, segments)))
    return failure();
  return Results{op.getInverse() ? storeRows(input, *map) : loadRows(input, *map)};
}

FailureOr<Results> reference::evaluateOp(MergeRowsOp op, const Operands &operands) {
  const Tensor &input = operands.tensor(0);
  auto rows = static_cast<int64_t>(op.getRows());
  if (input.rows() % rows != 0)
    return op.emitOpError() << input.rows() << " rows are no multiple of " << rows;
  // Row-major order already holds the merged rows.
  return Results{Tensor({input.rows() / rows, input.columns() * rows}, input.values)};
}
