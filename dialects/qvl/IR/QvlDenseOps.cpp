// Verifiers and result sizes of projections, norms and pointwise ops.

#include "dialects/qvl/IR/Qvl.h"

#include <cmath>

using namespace mlir;
using namespace mlir::qvl;

static RankedTensorType typeOf(Value value) { return cast<RankedTensorType>(value.getType()); }

LogicalResult LinearOp::verify() {
  RankedTensorType input = typeOf(getInput()), weight = typeOf(getWeight()),
                   result = typeOf(getResult());
  // linear_c1
  if (weight.getDimSize(1) != input.getDimSize(1))
    return emitOpError() << "weight " << weight << " must have as many columns as the input "
                         << input;
  // linear_c2
  if (result.getDimSize(1) != weight.getDimSize(0))
    return emitOpError() << "result " << result << " must have as many columns as the weight "
                         << weight << " has rows";
  // linear_c3
  if (getBias() && typeOf(getBias()).getDimSize(0) != weight.getDimSize(0))
    return emitOpError() << "bias " << getBias().getType()
                         << " must have as many elements as the weight " << weight << " has rows";
  // linear_c4
  if (!rowsAgree({getInput(), getResult()}))
    return emitOpError() << "result " << result << " must have the rows of the input " << input;
  return success();
}

LogicalResult LinearOp::reifyResultShapes(OpBuilder &builder, ReifiedRankedShapedTypeDims &dims) {
  return reifyRows(builder, *this, getInput(), dims);
}

LogicalResult RmsNormOp::verify() {
  RankedTensorType input = typeOf(getInput()), result = typeOf(getResult());
  // rms_norm_c1
  if (typeOf(getWeight()).getDimSize(0) != input.getDimSize(1))
    return emitOpError() << "weight " << getWeight().getType()
                         << " must have as many elements as the input " << input << " has columns";
  // rms_norm_c2
  double eps = getEps().convertToDouble();
  if (!(eps > 0) || !std::isfinite(eps))
    return emitOpError() << "eps must be positive and finite";
  // rms_norm_c4
  int64_t merge = getMerge().value_or(1);
  if (getMerge() && merge < 2)
    return emitOpError() << "merge must be at least 2, got " << merge;
  // rms_norm_c3
  if (!sizesAgree(result.getDimSize(1), input.getDimSize(1), merge) ||
      result.getElementType() != input.getElementType())
    return emitOpError() << "result " << result << " must have " << merge
                         << " times the columns of " << input;
  // rms_norm_c5
  if (!sizesAgree(input.getDimSize(0), result.getDimSize(0), merge))
    return emitOpError() << "input " << input << " must have " << merge << " times the rows of "
                         << result;
  return success();
}

LogicalResult RmsNormOp::reifyResultShapes(OpBuilder &builder, ReifiedRankedShapedTypeDims &dims) {
  return reifyMergedRows(builder, *this, getInput(), getMerge().value_or(1), dims);
}

LogicalResult AddOp::reifyResultShapes(OpBuilder &builder, ReifiedRankedShapedTypeDims &dims) {
  return reifyRows(builder, *this, getLhs(), dims);
}

LogicalResult MulOp::reifyResultShapes(OpBuilder &builder, ReifiedRankedShapedTypeDims &dims) {
  return reifyRows(builder, *this, getLhs(), dims);
}

LogicalResult SiluOp::reifyResultShapes(OpBuilder &builder, ReifiedRankedShapedTypeDims &dims) {
  return reifyRows(builder, *this, getInput(), dims);
}

LogicalResult GeluOp::reifyResultShapes(OpBuilder &builder, ReifiedRankedShapedTypeDims &dims) {
  return reifyRows(builder, *this, getInput(), dims);
}

LogicalResult CastOp::verify() {
  RankedTensorType input = typeOf(getInput()), result = typeOf(getResult());
  // cast_c1
  if (input.getShape() != result.getShape())
    return emitOpError() << "operand " << input << " and result " << result
                         << " must have one shape";
  // cast_c2
  if (input.getElementType() == result.getElementType())
    return emitOpError() << "element types must differ, got " << input.getElementType() << " twice";
  return success();
}

LogicalResult CastOp::reifyResultShapes(OpBuilder &builder, ReifiedRankedShapedTypeDims &dims) {
  return reifyRows(builder, *this, getInput(), dims);
}

LogicalResult SplitHeadsOp::verify() {
  RankedTensorType input = typeOf(getInput());
  auto headDim = static_cast<int64_t>(getHeadDim());
  // split_heads_c1
  if (headDim <= 0 || llvm::any_of(getHeads(), [](int64_t heads) { return heads <= 0; }))
    return emitOpError() << "heads and head_dim must be positive";
  // split_heads_c2
  if (!areHeads(input.getDimSize(1), getHeads(), headDim))
    return emitOpError() << "input " << input << " must have [" << getHeads() << "] heads of "
                         << headDim << " columns";
  // split_heads_c3
  if (getParts().size() != getHeads().size())
    return emitOpError() << "has " << getParts().size() << " results for " << getHeads().size()
                         << " entries of heads";
  for (auto [part, heads] : llvm::zip(getParts(), getHeads())) {
    RankedTensorType type = typeOf(part);
    if (type.getDimSize(1) != heads || type.getDimSize(2) != headDim ||
        type.getElementType() != input.getElementType())
      return emitOpError() << "result " << type << " must be [rows, " << heads << ", " << headDim
                           << "] of " << input.getElementType();
    // split_heads_c4
    if (!rowsAgree({getInput(), part}))
      return emitOpError() << "result " << type << " must have the rows of the input " << input;
  }
  return success();
}

LogicalResult SplitHeadsOp::reifyResultShapes(OpBuilder &builder,
                                              ReifiedRankedShapedTypeDims &dims) {
  return reifyRows(builder, *this, getInput(), dims);
}
