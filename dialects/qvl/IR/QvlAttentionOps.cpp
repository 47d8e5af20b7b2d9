// Verifiers and result sizes of attention and of the cache.

#include "dialects/qvl/IR/Qvl.h"

#include <cmath>

using namespace mlir;
using namespace mlir::qvl;

static RankedTensorType typeOf(Value value) { return cast<RankedTensorType>(value.getType()); }

/// True when `result` holds the heads of `query` side by side.
static bool holdsHeads(Value result, Value query) {
  RankedTensorType rows = typeOf(result), heads = typeOf(query);
  return rows.getDimSize(1) == heads.getDimSize(1) * heads.getDimSize(2) &&
         rows.getElementType() == heads.getElementType();
}

static bool isPositiveFinite(const APFloat &value) {
  return value.isFinite() && value.convertToDouble() > 0;
}

/// Sizes of the result of both attentions: the rows of the query, the heads side by side.
static LogicalResult reifyAttention(OpBuilder &builder, Location loc, Value query, Value result,
                                    ReifiedRankedShapedTypeDims &dims) {
  dims.push_back(
      {dimensionOf(builder, loc, query, 0), builder.getIndexAttr(typeOf(result).getDimSize(1))});
  return success();
}

LogicalResult AttentionOp::verify() {
  // attention_c1
  if (!holdsHeads(getResult(), getQuery()))
    return emitOpError() << "result " << getResult().getType() << " must hold the heads of "
                         << getQuery().getType() << " side by side";
  // attention_c2
  if (!isPositiveFinite(getScale()))
    return emitOpError() << "scale must be positive and finite";
  // attention_c3
  if (getMaxRows() && static_cast<int64_t>(*getMaxRows()) <= 0)
    return emitOpError() << "max_rows must be positive";
  // attention_c4
  if (!rowsAgree({getQuery(), getResult()}))
    return emitOpError() << "result " << getResult().getType() << " must have the rows of "
                         << getQuery().getType();
  return success();
}

LogicalResult AttentionOp::reifyResultShapes(OpBuilder &builder,
                                             ReifiedRankedShapedTypeDims &dims) {
  return reifyAttention(builder, getLoc(), getQuery(), getResult(), dims);
}

LogicalResult CacheAppendOp::verify() {
  // cache_append_c1
  CacheType cache = getCache().getType();
  RankedTensorType key = typeOf(getKey());
  if (key.getDimSize(1) != cache.getKvHeads() || key.getDimSize(2) != cache.getHeadDim())
    return emitOpError() << "key " << key << " must have the heads and head_dim of " << cache;
  // cache_append_c2
  if (!rowsAgree({getKey(), getSlots()}))
    return emitOpError() << "slots " << getSlots().getType() << " must be one for each row of "
                         << key;
  return success();
}

LogicalResult CacheAppendOp::reifyResultShapes(OpBuilder &builder,
                                               ReifiedRankedShapedTypeDims &dims) {
  dims.emplace_back(); // A cache has no tensor dimensions.
  return success();
}

/// What both attentions over the cache check: `ID_c1`, `ID_c2` and `ID_c5` of each.
template <typename Attention> static LogicalResult verifyHeads(Attention op) {
  CacheType cache = op.getCache().getType();
  RankedTensorType query = typeOf(op.getQuery());
  // cached_attention_c1, cached_attention_splits_c1
  if (query.getDimSize(2) != cache.getHeadDim())
    return op.emitOpError() << "head_dim of the query " << query << " must be that of " << cache;
  // cached_attention_c2, cached_attention_splits_c2
  if (query.getDimSize(1) % cache.getKvHeads() != 0)
    return op.emitOpError() << "heads of the query " << query
                            << " must be a multiple of the heads of " << cache;
  // cached_attention_c5, cached_attention_splits_c5
  SmallVector<Value> rows(op->getResults());
  rows.append({op.getQuery(), op.getRowSequence()});
  if (!rowsAgree(rows))
    return op.emitOpError() << "results and row_sequence must have the rows of the query " << query;
  return success();
}

LogicalResult CachedAttentionOp::verify() {
  if (failed(verifyHeads(*this)))
    return failure();
  // cached_attention_c3
  if (!holdsHeads(getResult(), getQuery()))
    return emitOpError() << "result " << getResult().getType() << " must hold the heads of "
                         << typeOf(getQuery()) << " side by side";
  // cached_attention_c4
  if (!isPositiveFinite(getScale()))
    return emitOpError() << "scale must be positive and finite";
  return success();
}

LogicalResult CachedAttentionOp::reifyResultShapes(OpBuilder &builder,
                                                   ReifiedRankedShapedTypeDims &dims) {
  return reifyAttention(builder, getLoc(), getQuery(), getResult(), dims);
}

/// True when the type is `[rows, splits, heads, size]`.
static bool isOfSplits(RankedTensorType type, int64_t splits, int64_t heads, int64_t size) {
  return type.getShape().drop_front() == ArrayRef<int64_t>({splits, heads, size});
}

LogicalResult CachedAttentionSplitsOp::verify() {
  if (failed(verifyHeads(*this)))
    return failure();
  // cached_attention_splits_c3
  RankedTensorType query = typeOf(getQuery()), weights = typeOf(getWeights()),
                   output = typeOf(getOutput());
  int64_t splits = output.getDimSize(1), heads = query.getDimSize(1);
  if (!isOfSplits(weights, splits, heads, 2) ||
      !isOfSplits(output, splits, heads, query.getDimSize(2)))
    return emitOpError() << "results " << weights << " and " << output
                         << " must be one number of splits of weights and of heads of " << query;
  // cached_attention_splits_c4
  if (!isPositiveFinite(getScale()))
    return emitOpError() << "scale must be positive and finite";
  return success();
}

LogicalResult CachedAttentionSplitsOp::reifyResultShapes(OpBuilder &builder,
                                                         ReifiedRankedShapedTypeDims &dims) {
  for (Value result : getResults()) {
    SmallVector<OpFoldResult> sizes{dimensionOf(builder, getLoc(), getQuery(), 0)};
    for (int64_t size : typeOf(result).getShape().drop_front())
      sizes.push_back(builder.getIndexAttr(size));
    dims.push_back(std::move(sizes));
  }
  return success();
}

LogicalResult MergeSplitsOp::verify() {
  RankedTensorType weights = typeOf(getWeights()), output = typeOf(getOutput()),
                   result = typeOf(getResult());
  // merge_splits_c1
  if (!isOfSplits(weights, output.getDimSize(1), output.getDimSize(2), 2))
    return emitOpError() << "weights " << weights << " must be two for each split and head of "
                         << output;
  // merge_splits_c2
  if (result.getDimSize(1) != output.getDimSize(2) * output.getDimSize(3))
    return emitOpError() << "result " << result << " must hold the heads of " << output
                         << " side by side";
  // merge_splits_c3
  if (!rowsAgree({getWeights(), getOutput(), getResult()}))
    return emitOpError() << "weights " << weights << " and result " << result
                         << " must have the rows of " << output;
  return success();
}

LogicalResult MergeSplitsOp::reifyResultShapes(OpBuilder &builder,
                                               ReifiedRankedShapedTypeDims &dims) {
  return reifyAttention(builder, getLoc(), getWeights(), getResult(), dims);
}
