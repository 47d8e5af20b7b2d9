// Verifiers and result sizes of the ops that fusion makes.

#include "dialects/qvl/IR/Qvl.h"

#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace mlir::qvl;

static RankedTensorType typeOf(Value value) { return cast<RankedTensorType>(value.getType()); }

/// A group is there exactly when its index is, and positive.
static bool isMap(Value index, std::optional<uint64_t> group) {
  return (index != nullptr) == group.has_value() && (!group || static_cast<int64_t>(*group) > 0);
}

/// An epilogue operand gives one value per column, or one per element of the result.
static bool isEpilogueOperand(Value operand, RankedTensorType result) {
  RankedTensorType type = typeOf(operand);
  return type.getDimSize(type.getRank() - 1) == result.getDimSize(1);
}

/// An op of arith or math that makes one number. Unregistered ops have no dialect.
static bool isScalarStep(Operation &op) {
  return isa_and_nonnull<arith::ArithDialect, math::MathDialect>(op.getDialect()) &&
         op.getNumResults() == 1 && op.getResult(0).getType().isIntOrIndexOrFloat();
}

int64_t FusedLinearOp::getWeightCount() {
  return typeOf(getWeight()).getDimSize(0) == typeOf(getResult()).getDimSize(1) ? 1 : 2;
}

LogicalResult FusedLinearOp::verify() {
  RankedTensorType input = typeOf(getInput()), result = typeOf(getResult());
  RankedTensorType weight = typeOf(getWeight());
  // fused_linear_c1
  if (weight.getDimSize(1) != input.getDimSize(1))
    return emitOpError() << "weight " << weight << " must have the columns of the input " << input;
  // fused_linear_c2
  int64_t rows = weight.getDimSize(0), columns = result.getDimSize(1);
  if (rows != columns && rows != 2 * columns)
    return emitOpError() << "weight " << weight << " must have as many rows as the result "
                         << result << " has columns, or twice as many";
  // fused_linear_c3
  for (Value operand : getEpilogueOperands())
    if (!isEpilogueOperand(operand, result))
      return emitOpError() << "operand " << operand.getType()
                           << " must have one element per column of " << result;
  // fused_linear_c8
  SmallVector<Value> rowValues{getInput(), getResult()};
  llvm::copy_if(getEpilogueOperands(), std::back_inserter(rowValues),
                [](Value operand) { return typeOf(operand).getRank() == 2; });
  if (!rowsAgree(rowValues))
    return emitOpError() << "result " << result << " and operands of rank 2 must have the rows of "
                         << input;
  // fused_linear_c5
  if (!isMap(getLoadIndex(), getLoadGroup()) || !isMap(getStoreIndex(), getStoreGroup()))
    return emitOpError() << "a row map needs an index and a positive group";
  // fused_linear_c6
  if (rowValues.size() > 2 && getStoreIndex())
    return emitOpError() << "operands of rank 2 and a store map exclude each other";
  return success();
}

LogicalResult FusedLinearOp::verifyRegions() {
  Block &body = getEpilogue().front();
  // fused_linear_c4
  if (body.getNumArguments() != getWeightCount() + getEpilogueOperands().size() ||
      !llvm::all_of(body.getArgumentTypes(), [](Type type) { return type.isF32(); }))
    return emitOpError() << "the epilogue must take one f32 for each of " << getWeightCount()
                         << " weights and " << getEpilogueOperands().size() << " operands";
  // fused_linear_c7
  if (body.empty() || !isa<YieldOp>(body.back()))
    return emitOpError() << "the epilogue must end with qvl.yield";
  for (Operation &op : body.without_terminator())
    if (!isScalarStep(op))
      return emitOpError() << "the epilogue holds '" << op.getName()
                           << "', which is not of arith or math on scalars";
  return success();
}

LogicalResult FusedLinearOp::reifyResultShapes(OpBuilder &builder,
                                               ReifiedRankedShapedTypeDims &dims) {
  return reifyRows(builder, *this, getInput(), dims);
}

LogicalResult RopeQkOp::verify() {
  RankedTensorType input = typeOf(getInput());
  auto headDim = static_cast<int64_t>(getHeadDim());
  // rope_qk_c1
  ArrayRef<int64_t> heads = getHeads();
  if (heads.size() != 3 || !areHeads(input.getDimSize(1), heads, headDim))
    return emitOpError() << "input " << input << " must hold three groups of heads of " << headDim
                         << " columns";
  // rope_qk_c2
  if (headDim != 2 * typeOf(getTable()).getDimSize(1))
    return emitOpError() << "head_dim " << headDim << " must be twice the angles of the table "
                         << getTable().getType();
  // rope_qk_c3
  for (auto [part, count] : llvm::zip(getResults(), heads)) {
    RankedTensorType type = typeOf(part);
    if (type.getDimSize(1) != count || type.getDimSize(2) != headDim ||
        type.getElementType() != input.getElementType())
      return emitOpError() << "result " << type << " must be [rows, " << count << ", " << headDim
                           << "] of " << input.getElementType();
  }
  // rope_qk_c4
  if (!rowsAgree({getInput(), getTable(), getQuery(), getKey(), getValue()}))
    return emitOpError() << "table and results must have the rows of the input " << input;
  return success();
}

LogicalResult RopeQkOp::reifyResultShapes(OpBuilder &builder, ReifiedRankedShapedTypeDims &dims) {
  return reifyRows(builder, *this, getInput(), dims);
}

LogicalResult RopeAppendOp::verify() {
  CacheType cache = getCache().getType();
  RankedTensorType input = typeOf(getInput()), query = typeOf(getQuery());
  auto heads = static_cast<int64_t>(getQHeads());
  // rope_append_c1
  if (!areHeads(input.getDimSize(1), {heads, cache.getKvHeads(), cache.getKvHeads()},
                cache.getHeadDim()))
    return emitOpError() << "input " << input << " must hold " << heads
                         << " query heads and the heads of " << cache;
  // rope_append_c2
  if (cache.getHeadDim() != 2 * typeOf(getTable()).getDimSize(1))
    return emitOpError() << "head_dim of " << cache << " must be twice the angles of the table "
                         << getTable().getType();
  // rope_append_c3
  if (query.getDimSize(1) != heads || query.getDimSize(2) != cache.getHeadDim() ||
      query.getElementType() != input.getElementType())
    return emitOpError() << "query " << query << " must be [rows, " << heads << ", "
                         << cache.getHeadDim() << "] of " << input.getElementType();
  // rope_append_c4
  if (!rowsAgree({getInput(), getTable(), getSlots(), getQuery()}))
    return emitOpError() << "table, slots and query must have the rows of the input " << input;
  return success();
}

LogicalResult RopeAppendOp::reifyResultShapes(OpBuilder &builder,
                                              ReifiedRankedShapedTypeDims &dims) {
  RankedTensorType query = typeOf(getQuery());
  dims.push_back({dimensionOf(builder, getLoc(), getInput(), 0),
                  builder.getIndexAttr(query.getDimSize(1)),
                  builder.getIndexAttr(query.getDimSize(2))});
  dims.emplace_back(); // A cache has no tensor dimensions.
  return success();
}
