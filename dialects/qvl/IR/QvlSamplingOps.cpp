// Verifiers and result sizes of the ops that choose token ids.

#include "dialects/qvl/IR/Qvl.h"
#include "qvlfmt/Sampling.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mlir::qvl;

static int64_t columnsOf(Value value) {
  return cast<RankedTensorType>(value.getType()).getDimSize(1);
}

/// The rules of the operands that both ops have: argmax_c2, sample_c1.
template <typename Op> static LogicalResult verifySettings(Op op) {
  int64_t columns = columnsOf(op.getLogits());
  if (columnsOf(op.getSeen()) != qvlfmt::seenWords(columns))
    return op.emitOpError() << "seen " << op.getSeen().getType() << " must have "
                            << qvlfmt::seenWords(columns) << " words for " << columns << " columns";
  if (columnsOf(op.getSettings()) != qvlfmt::kSamplingSettings)
    return op.emitOpError() << "settings " << op.getSettings().getType() << " must have "
                            << qvlfmt::kSamplingSettings << " columns";
  return success();
}

LogicalResult ArgmaxOp::verify() {
  auto columns = static_cast<int64_t>(getColumns());
  // argmax_c1
  if (columns <= 0 || columns % qvlfmt::kSeenBits != 0)
    return emitOpError() << "columns must be a positive multiple of 32, got " << columns;
  // argmax_c2
  if (failed(verifySettings(*this)))
    return failure();
  // argmax_c3
  int64_t blocks = llvm::divideCeil(columnsOf(getLogits()), columns);
  if (columnsOf(getValues()) != blocks || columnsOf(getIds()) != blocks)
    return emitOpError() << "results " << getValues().getType() << " and " << getIds().getType()
                         << " must have " << blocks << " columns, one a block";
  // argmax_c4
  if (!rowsAgree({getLogits(), getSeen(), getSettings(), getValues(), getIds()}))
    return emitOpError() << "operands and results must have the rows of " << getLogits().getType();
  return success();
}

LogicalResult ArgmaxOp::reifyResultShapes(OpBuilder &builder, ReifiedRankedShapedTypeDims &dims) {
  return reifyRows(builder, *this, getLogits(), dims);
}

LogicalResult SampleOp::verify() {
  // sample_c1
  if (failed(verifySettings(*this)))
    return failure();
  // sample_c2
  if (getValues().getType().getShape() != getBest().getType().getShape())
    return emitOpError() << "values " << getValues().getType() << " and ids " << getBest().getType()
                         << " of the best logits differ in size";
  // sample_c3
  constexpr int64_t most = int64_t{1} << 24;
  if (columnsOf(getLogits()) > most)
    return emitOpError() << "logits have " << columnsOf(getLogits()) << " columns, more than "
                         << most;
  // sample_c4
  SmallVector<Value> rows((*this)->getOperands());
  rows.push_back(getResult());
  if (!rowsAgree(rows))
    return emitOpError() << "operands and result must have the rows of " << getLogits().getType();
  return success();
}

LogicalResult SampleOp::reifyResultShapes(OpBuilder &builder, ReifiedRankedShapedTypeDims &dims) {
  return reifyRows(builder, *this, getLogits(), dims);
}
