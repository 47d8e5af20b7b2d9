// Attention inside segments and over the paged cache. Softmax is the plain form: maximum,
// exponents, sum, weighted values, each in ascending key order, and in splits of the keys the same
// for the keys of each.

#include "OpFunctions.h"

#include <cmath>
#include <limits>

using namespace mlir;
using namespace mlir::qvl;
using namespace mlir::qvl::reference;

static int64_t at(const Tensor &index, int64_t i) { return static_cast<int64_t>(index.values[i]); }

namespace {
/// One query head over some keys and values: the maximum of the scaled scores, the sum of
/// exp(score - maximum), and the values weighted by that. Without keys minus infinity and zero.
template <typename Real> struct WeightedValues {
  Real maximum = -std::numeric_limits<Real>::infinity(), sum = 0;
  std::vector<Real> total;

  WeightedValues(const double *query, ArrayRef<const double *> keys,
                 ArrayRef<const double *> values, int64_t headDim, Real scale);
};
} // namespace

template <typename Real>
WeightedValues<Real>::WeightedValues(const double *query, ArrayRef<const double *> keys,
                                     ArrayRef<const double *> values, int64_t headDim, Real scale)
    : total(headDim, Real{0}) {
  std::vector<Real> weights(keys.size());
  for (auto [weight, key] : llvm::zip(weights, keys)) {
    weight = 0;
    for (int64_t d = 0; d < headDim; ++d)
      weight += static_cast<Real>(query[d]) * static_cast<Real>(key[d]);
    weight *= scale;
  }
  if (!weights.empty())
    maximum = *std::max_element(weights.begin(), weights.end());
  for (Real &weight : weights) {
    weight = std::exp(weight - maximum);
    sum += weight;
  }
  for (auto [weight, value] : llvm::zip(weights, values))
    for (int64_t d = 0; d < headDim; ++d)
      total[d] += weight * static_cast<Real>(value[d]);
}

/// softmax(scale · q·kᵀ)·v of one query head over the keys and values pointed to; there is at least
/// one.
template <typename Real>
static void attend(const double *query, ArrayRef<const double *> keys,
                   ArrayRef<const double *> values, int64_t headDim, Real scale, double *result) {
  WeightedValues<Real> all(query, keys, values, headDim, scale);
  for (int64_t d = 0; d < headDim; ++d)
    result[d] = all.total[d] / all.sum;
}

/// Fails unless `segments` is 0, non-decreasing numbers, `rows`, with no step above `maxRows`.
static LogicalResult checkSegments(AttentionOp op, const Tensor &segments, int64_t rows) {
  if (segments.size() == 0 || at(segments, 0) != 0 || at(segments, segments.size() - 1) != rows)
    return op.emitOpError() << "segments must start at 0 and end at the number of rows, " << rows;
  for (int64_t s = 0; s + 1 < segments.size(); ++s) {
    int64_t length = at(segments, s + 1) - at(segments, s);
    if (length < 0)
      return op.emitOpError() << "segments must not decrease, segment " << s << " does";
    if (op.getMaxRows() && length > static_cast<int64_t>(*op.getMaxRows()))
      return op.emitOpError() << "segment " << s << " has " << length
                              << " rows, more than max_rows = "
                              << static_cast<int64_t>(*op.getMaxRows());
  }
  return success();
}

/// Attention of rows `begin .. end` to each other.
template <typename Real>
static void attendSegment(const Tensor &query, const Tensor &key, const Tensor &value,
                          int64_t begin, int64_t end, Real scale, Tensor &result) {
  int64_t heads = query.shape[1], headDim = query.shape[2];
  std::vector<const double *> keys(end - begin), values(end - begin);
  for (int64_t h = 0; h < heads; ++h) {
    for (int64_t j = begin; j < end; ++j) {
      keys[j - begin] = key.row(j) + h * headDim;
      values[j - begin] = value.row(j) + h * headDim;
    }
    for (int64_t t = begin; t < end; ++t)
      attend(query.row(t) + h * headDim, keys, values, headDim, scale, result.row(t) + h * headDim);
  }
}

FailureOr<Results> reference::evaluateOp(AttentionOp op, const Operands &operands) {
  const Tensor &query = operands.tensor(0), &key = operands.tensor(1), &value = operands.tensor(2),
               &segments = operands.tensor(3);
  if (failed(checkRows(op, "key", key, query.rows())) ||
      failed(checkRows(op, "value", value, query.rows())) ||
      failed(checkSegments(op, segments, query.rows())))
    return failure();
  return Results{operands.inPrecision([&](auto zero) {
    auto scale = static_cast<decltype(zero)>(op.getScale().convertToDouble());
    Tensor result({query.rows(), query.columns()});
    for (int64_t s = 0; s + 1 < segments.size(); ++s)
      attendSegment(query, key, value, at(segments, s), at(segments, s + 1), scale, result);
    return result;
  })};
}

/// Fails unless the layer is one of the cache's.
static LogicalResult checkLayer(Operation *op, int64_t layer, const Cache &cache) {
  if (layer < 0 || layer >= cache.getType().getLayers())
    return op->emitOpError() << "layer " << layer << " is outside of " << cache.getType();
  return success();
}

FailureOr<Cache> reference::appendRows(Operation *op, const Tensor &key, const Tensor &value,
                                       const Cache &cache, int64_t layer, const Tensor &slots) {
  if (failed(checkLayer(op, layer, cache)) || failed(checkRows(op, "value", value, key.rows())) ||
      failed(checkRows(op, "slots", slots, key.rows())) ||
      failed(checkRange(op, "slot", slots, 0, std::numeric_limits<int64_t>::max())))
    return failure();
  Cache::Rows rows;
  for (int64_t t = 0; t < key.rows(); ++t) {
    CacheRow row{{key.row(t), key.row(t) + key.columns()},
                 {value.row(t), value.row(t) + value.columns()}};
    if (Type element = cache.getType().getElement(); !element.isF32()) {
      roundToElement(row.key, element); // f32 rows have the precision of the run already.
      roundToElement(row.value, element);
    }
    if (!rows.emplace(at(slots, t), std::make_shared<const CacheRow>(std::move(row))).second)
      return op->emitOpError() << "slot " << at(slots, t) << " is written twice";
  }
  return cache.append(layer, rows);
}

FailureOr<Results> reference::evaluateOp(CacheAppendOp op, const Operands &operands) {
  FailureOr<Cache> cache = appendRows(op, operands.tensor(0), operands.tensor(1), operands.cache(2),
                                      operands.index(3), operands.tensor(4));
  if (failed(cache))
    return failure();
  return Results{std::move(*cache)};
}

namespace {
/// The operands of cached_attention that say which tokens a row attends to.
struct Sequences {
  const Tensor &rowOffsets, &rowSequence, &cacheLengths, &blockTable;

  /// Of an attention over the cache, behind query, cache and layer.
  explicit Sequences(const Operands &operands)
      : rowOffsets(operands.tensor(3)), rowSequence(operands.tensor(4)),
        cacheLengths(operands.tensor(5)), blockTable(operands.tensor(6)) {}

  LogicalResult check(Operation *op, int64_t rows) const;
  /// The number of row `t`'s token inside its sequence.
  int64_t token(int64_t t) const {
    int64_t sequence = at(rowSequence, t);
    return at(cacheLengths, sequence) + t - at(rowOffsets, sequence);
  }
  /// The page that holds token number `token` of a sequence; negative when the table has none.
  int64_t page(int64_t sequence, int64_t token, int64_t pageSize) const {
    int64_t block = token / pageSize;
    return block < blockTable.columns() ? static_cast<int64_t>(blockTable.row(sequence)[block])
                                        : -1;
  }
};
} // namespace

LogicalResult Sequences::check(Operation *op, int64_t rows) const {
  int64_t count = cacheLengths.size();
  if (failed(checkRows(op, "row_sequence", rowSequence, rows)) ||
      failed(checkRows(op, "row_offsets", rowOffsets, count + 1)) ||
      failed(checkRows(op, "block_table", blockTable, count)) ||
      failed(checkRange(op, "sequence", rowSequence, 0, count)) ||
      failed(checkRange(op, "cache length", cacheLengths, 0, std::numeric_limits<int32_t>::max())))
    return failure();
  for (int64_t t = 0; t < rows; ++t) {
    int64_t sequence = at(rowSequence, t);
    if (t < at(rowOffsets, sequence) || t >= at(rowOffsets, sequence + 1))
      return op->emitOpError() << "row " << t << " is outside of the rows of its sequence "
                               << sequence;
  }
  return success();
}

/// The cache rows of tokens `0 .. token(t)` of row `t`'s sequence, in order.
static FailureOr<std::vector<const CacheRow *>> visibleRows(Operation *op,
                                                            const Sequences &sequences, int64_t t,
                                                            const Cache &cache, int64_t layer) {
  int64_t sequence = at(sequences.rowSequence, t), pageSize = cache.getType().getPage();
  std::vector<const CacheRow *> rows;
  for (int64_t j = 0; j <= sequences.token(t); ++j) {
    int64_t page = sequences.page(sequence, j, pageSize);
    const CacheRow *row = page < 0 ? nullptr : cache.find(layer, page * pageSize + j % pageSize);
    if (!row)
      return op->emitOpError() << "token " << j << " of sequence " << sequence << " in layer "
                               << layer << " was never appended";
    rows.push_back(row);
  }
  return rows;
}

/// All heads of one row; query head h uses key and value head h div (heads / kv_heads).
template <typename Real>
static void attendRow(const double *query, ArrayRef<const CacheRow *> rows, int64_t heads,
                      CacheType cache, Real scale, double *result) {
  int64_t headDim = cache.getHeadDim(), sharing = heads / cache.getKvHeads();
  std::vector<const double *> keys(rows.size()), values(rows.size());
  for (int64_t h = 0; h < heads; ++h) {
    int64_t offset = h / sharing * headDim;
    for (auto [j, row] : llvm::enumerate(rows)) {
      keys[j] = row->key.data() + offset;
      values[j] = row->value.data() + offset;
    }
    attend(query + h * headDim, keys, values, headDim, scale, result + h * headDim);
  }
}

FailureOr<Results> reference::evaluateOp(CachedAttentionOp op, const Operands &operands) {
  const Tensor &query = operands.tensor(0);
  const Cache &cache = operands.cache(1);
  int64_t layer = operands.index(2);
  Sequences sequences(operands);
  if (failed(checkLayer(op, layer, cache)) || failed(sequences.check(op, query.rows())))
    return failure();
  Tensor result({query.rows(), query.columns()});
  for (int64_t t = 0; t < query.rows(); ++t) {
    FailureOr<std::vector<const CacheRow *>> rows = visibleRows(op, sequences, t, cache, layer);
    if (failed(rows))
      return failure();
    operands.inPrecision([&](auto zero) {
      attendRow(query.row(t), *rows, query.shape[1], cache.getType(),
                static_cast<decltype(zero)>(op.getScale().convertToDouble()), result.row(t));
    });
  }
  return Results{std::move(result)};
}

namespace {
/// The results of cached_attention_splits: weights and output.
struct Splits {
  Tensor weights, output;
};
} // namespace

/// One head of one split of row `t`; `rows` are the cache rows of the split's tokens.
template <typename Real>
static void attendSplit(const double *query, ArrayRef<const CacheRow *> rows, int64_t offset,
                        Real scale, double *weights, MutableArrayRef<double> output) {
  auto headDim = static_cast<int64_t>(output.size());
  std::vector<const double *> keys, values;
  for (const CacheRow *row : rows) {
    keys.push_back(row->key.data() + offset);
    values.push_back(row->value.data() + offset);
  }
  WeightedValues<Real> split(query, keys, values, headDim, scale);
  weights[0] = split.maximum;
  weights[1] = split.sum;
  // Nobody may read the output of a split without tokens.
  llvm::copy(split.total, output.begin());
  if (rows.empty())
    llvm::fill(output, std::numeric_limits<double>::quiet_NaN());
}

/// All splits and heads of row `t`.
template <typename Real>
static void attendRowInSplits(const double *query, ArrayRef<const CacheRow *> rows, int64_t t,
                              CacheType cache, Real scale, Splits &result) {
  int64_t splits = result.output.shape[1], heads = result.output.shape[2],
          headDim = result.output.shape[3], sharing = heads / cache.getKvHeads();
  for (int64_t split = 0; split < splits; ++split) {
    std::vector<const CacheRow *> ofSplit;
    for (auto [token, row] : llvm::enumerate(rows))
      if (static_cast<int64_t>(token) / kSplitTokens % splits == split)
        ofSplit.push_back(row);
    for (int64_t h = 0; h < heads; ++h) {
      int64_t head = split * heads + h;
      attendSplit(query + h * headDim, ofSplit, h / sharing * headDim, scale,
                  result.weights.row(t) + 2 * head,
                  {result.output.row(t) + head * headDim, static_cast<size_t>(headDim)});
    }
  }
}

FailureOr<Results> reference::evaluateOp(CachedAttentionSplitsOp op, const Operands &operands) {
  const Tensor &query = operands.tensor(0);
  const Cache &cache = operands.cache(1);
  int64_t layer = operands.index(2);
  Sequences sequences(operands);
  if (failed(checkLayer(op, layer, cache)) || failed(sequences.check(op, query.rows())))
    return failure();
  int64_t splits = op.getOutput().getType().getDimSize(1), heads = query.shape[1];
  Splits result{Tensor({query.rows(), splits, heads, 2}),
                Tensor({query.rows(), splits, heads, query.shape[2]})};
  for (int64_t t = 0; t < query.rows(); ++t) {
    FailureOr<std::vector<const CacheRow *>> rows = visibleRows(op, sequences, t, cache, layer);
    if (failed(rows))
      return failure();
    operands.inPrecision([&](auto zero) {
      attendRowInSplits(query.row(t), *rows, t, cache.getType(),
                        static_cast<decltype(zero)>(op.getScale().convertToDouble()), result);
    });
  }
  return Results{std::move(result.weights), std::move(result.output)};
}

/// One head; those of a split lie behind each other, and splits do. `sum` is zero.
template <typename Real>
static void mergeHead(const double *weights, const double *output, int64_t splits, int64_t heads,
                      int64_t headDim, double *result, Real sum) {
  Real maximum = -std::numeric_limits<Real>::infinity();
  for (int64_t split = 0; split < splits; ++split)
    maximum = std::max(maximum, static_cast<Real>(weights[2 * heads * split]));
  std::vector<Real> total(headDim, Real{0});
  for (int64_t split = 0; split < splits; ++split) {
    const double *ofSplit = weights + 2 * heads * split;
    if (ofSplit[1] == 0)
      continue; // No tokens: the output is not to be read.
    Real weight = std::exp(static_cast<Real>(ofSplit[0]) - maximum);
    sum += weight * static_cast<Real>(ofSplit[1]);
    for (int64_t d = 0; d < headDim; ++d)
      total[d] += weight * static_cast<Real>(output[heads * headDim * split + d]);
  }
  for (int64_t d = 0; d < headDim; ++d)
    result[d] = total[d] / sum;
}

FailureOr<Results> reference::evaluateOp(MergeSplitsOp op, const Operands &operands) {
  const Tensor &weights = operands.tensor(0), &output = operands.tensor(1);
  if (failed(checkRows(op, "output", output, weights.rows())))
    return failure();
  int64_t splits = output.shape[1], heads = output.shape[2], headDim = output.shape[3];
  Tensor result({output.rows(), heads * headDim});
  for (int64_t t = 0; t < output.rows(); ++t)
    for (int64_t h = 0; h < heads; ++h)
      operands.inPrecision([&](auto zero) {
        mergeHead(weights.row(t) + 2 * h, output.row(t) + headDim * h, splits, heads, headDim,
                  result.row(t) + headDim * h, zero);
      });
  return Results{std::move(result)};
}
