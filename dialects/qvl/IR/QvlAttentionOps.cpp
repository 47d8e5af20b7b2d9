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
  return success();
}

LogicalResult CacheAppendOp::reifyResultShapes(OpBuilder &builder,
                                               ReifiedRankedShapedTypeDims &dims) {
  dims.emplace_back(); // A cache has no tensor dimensions.
  return success();
}

LogicalResult CachedAttentionOp::verify() {
  CacheType cache = getCache().getType();
  RankedTensorType query = typeOf(getQuery());
  // cached_attention_c1
  if (query.getDimSize(2) != cache.getHeadDim())
    return emitOpError() << "head_dim of the query " << query << " must be that of " << cache;
  // cached_attention_c2
  if (query.getDimSize(1) % cache.getKvHeads() != 0)
    return emitOpError() << "heads of the query " << query << " must be a multiple of the heads of "
                         << cache;
  // cached_attention_c3
  if (!holdsHeads(getResult(), getQuery()))
    return emitOpError() << "result " << getResult().getType() << " must hold the heads of "
                         << query << " side by side";
  // cached_attention_c4
  if (!isPositiveFinite(getScale()))
    return emitOpError() << "scale must be positive and finite";
  return success();
}

LogicalResult CachedAttentionOp::reifyResultShapes(OpBuilder &builder,
                                                   ReifiedRankedShapedTypeDims &dims) {
  return reifyAttention(builder, getLoc(), getQuery(), getResult(), dims);
}
