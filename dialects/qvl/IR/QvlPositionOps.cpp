// Verifiers and result sizes of the rotary ops.

#include "dialects/qvl/IR/Qvl.h"

#include <cmath>

using namespace mlir;
using namespace mlir::qvl;

static RankedTensorType typeOf(Value value) { return cast<RankedTensorType>(value.getType()); }

LogicalResult RopeTableOp::verify() {
  RankedTensorType positions = typeOf(getPositions()), result = typeOf(getResult());
  // rope_table_c1
  ArrayRef<int64_t> sections = getSections();
  if (static_cast<int64_t>(sections.size()) != positions.getDimSize(0) ||
      llvm::any_of(sections, [](int64_t size) { return size <= 0; }))
    return emitOpError() << "needs one positive section for each axis of " << positions;
  // rope_table_c2
  if (!areHeads(result.getDimSize(1), sections, 1) || result.getDimSize(2) != 2)
    return emitOpError() << "result " << result << " must be [rows, sum of [" << sections
                         << "], 2]";
  // rope_table_c3
  double theta = getTheta().convertToDouble();
  if (!(theta > 0) || !std::isfinite(theta))
    return emitOpError() << "theta must be positive and finite";
  // rope_table_c4
  std::optional<uint64_t> group = getRowGroup();
  if ((getRowIndex() != nullptr) != group.has_value() ||
      (group && static_cast<int64_t>(*group) <= 0))
    return emitOpError() << "a row map needs an index and a positive group";
  // rope_table_c5
  if (!sizesAgree(positions.getDimSize(1), result.getDimSize(0)))
    return emitOpError() << "result " << result << " must have a row for each column of "
                         << positions;
  return success();
}

LogicalResult RopeTableOp::reifyResultShapes(OpBuilder &builder,
                                             ReifiedRankedShapedTypeDims &dims) {
  RankedTensorType result = typeOf(getResult());
  dims.push_back({dimensionOf(builder, getLoc(), getPositions(), 1),
                  builder.getIndexAttr(result.getDimSize(1)), builder.getIndexAttr(2)});
  return success();
}

LogicalResult RotateOp::verify() {
  // rotate_c1
  if (typeOf(getInput()).getDimSize(2) != 2 * typeOf(getTable()).getDimSize(1))
    return emitOpError() << "head_dim of " << getInput().getType()
                         << " must be twice the angles of the table " << getTable().getType();
  // rotate_c2
  if (!rowsAgree({getInput(), getTable()}))
    return emitOpError() << "table " << getTable().getType() << " must have the rows of "
                         << getInput().getType();
  return success();
}

LogicalResult RotateOp::reifyResultShapes(OpBuilder &builder, ReifiedRankedShapedTypeDims &dims) {
  RankedTensorType result = typeOf(getResult());
  dims.push_back({dimensionOf(builder, getLoc(), getInput(), 0),
                  builder.getIndexAttr(result.getDimSize(1)),
                  builder.getIndexAttr(result.getDimSize(2))});
  return success();
}
