// Verifiers and result sizes of the ops that choose, permute and merge rows.

#include "dialects/qvl/IR/Qvl.h"

using namespace mlir;
using namespace mlir::qvl;

static RankedTensorType typeOf(Value value) { return cast<RankedTensorType>(value.getType()); }

LogicalResult EmbedOp::verify() {
  // embed_c1
  if (typeOf(getResult()).getDimSize(1) != typeOf(getTable()).getDimSize(1) ||
      !rowsAgree({getResult(), getIds()}))
    return emitOpError() << "result " << getResult().getType()
                         << " must have the columns of the table " << getTable().getType()
                         << " and the rows of the ids";
  return success();
}

LogicalResult EmbedOp::reifyResultShapes(OpBuilder &builder, ReifiedRankedShapedTypeDims &dims) {
  return reifyRows(builder, *this, getIds(), dims);
}

LogicalResult GatherRowsOp::verify() {
  // gather_rows_c1
  RankedTensorType input = typeOf(getInput()), result = typeOf(getResult());
  if (result.getDimSize(1) != input.getDimSize(1) ||
      result.getElementType() != input.getElementType() || !rowsAgree({getResult(), getRows()}))
    return emitOpError() << "result " << result << " must have the columns and elements of "
                         << input << " and the rows of the index";
  return success();
}

LogicalResult GatherRowsOp::reifyResultShapes(OpBuilder &builder,
                                              ReifiedRankedShapedTypeDims &dims) {
  return reifyRows(builder, *this, getRows(), dims);
}

LogicalResult MergeFeaturesOp::verify() {
  // merge_features_c1
  RankedTensorType features = typeOf(getFeatures()), embeddings = typeOf(getEmbeddings());
  if (features.getDimSize(1) != embeddings.getDimSize(1))
    return emitOpError() << "features " << features << " must have the columns of the embeddings "
                         << embeddings;
  // merge_features_c2
  if (!rowsAgree({getEmbeddings(), getFeatureRows()}))
    return emitOpError() << "feature rows " << getFeatureRows().getType()
                         << " must be one for each row of the embeddings " << embeddings;
  return success();
}

LogicalResult MergeFeaturesOp::reifyResultShapes(OpBuilder &builder,
                                                 ReifiedRankedShapedTypeDims &dims) {
  return reifyRows(builder, *this, getEmbeddings(), dims);
}

LogicalResult RegroupOp::verify() {
  // regroup_c1
  if (static_cast<int64_t>(getGroup()) <= 0)
    return emitOpError() << "group must be positive, got " << static_cast<int64_t>(getGroup());
  // regroup_c2
  if (getMerged() && static_cast<int64_t>(*getMerged()) < 2)
    return emitOpError() << "merged must be at least 2, got " << getSegmentRows();
  return success();
}

LogicalResult RegroupOp::reifyResultShapes(OpBuilder &builder, ReifiedRankedShapedTypeDims &dims) {
  return reifyRows(builder, *this, getInput(), dims);
}

LogicalResult MergeRowsOp::verify() {
  auto rows = static_cast<int64_t>(getRows());
  // merge_rows_c1
  if (rows <= 0)
    return emitOpError() << "rows must be positive, got " << rows;
  // merge_rows_c2
  RankedTensorType input = typeOf(getInput()), result = typeOf(getResult());
  if (!sizesAgree(result.getDimSize(1), input.getDimSize(1), rows) ||
      result.getElementType() != input.getElementType())
    return emitOpError() << "result " << result << " must have " << rows << " times the columns of "
                         << input;
  // merge_rows_c3
  if (!sizesAgree(input.getDimSize(0), result.getDimSize(0), rows))
    return emitOpError() << "input " << input << " must have " << rows << " times the rows of "
                         << result;
  return success();
}

LogicalResult MergeRowsOp::reifyResultShapes(OpBuilder &builder,
                                             ReifiedRankedShapedTypeDims &dims) {
  return reifyMergedRows(builder, *this, getInput(), getRows(), dims);
}
