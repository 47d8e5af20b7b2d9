// Rows cut into heads and rows put side by side: copies.

#include "lib/Codegen/Emit/IndexArithmetic.h"
#include "lib/Codegen/Rows/RowEmitters.h"
#include "lib/Codegen/Rows/RowLoops.h"

#include "mlir/Dialect/SCF/IR/SCF.h"

namespace mlir::qvl {

void emitRow(KernelFrame &frame, SplitHeadsOp op, Value row) {
  ImplicitLocOpBuilder &b = frame.builder();
  Type element = elementOf(op.getInput());
  Value from = rowPointer(b, element, frame.buffer(op.getInput()), row, rowElements(op.getInput()));
  int64_t column = 0;
  for (auto [number, part] : llvm::enumerate(op.getParts())) {
    int64_t columns = rowElements(part);
    Value to = rowPointer(b, element, frame.resultBuffer(number), row, columns);
    copyElements(b, element, elementPointer(b, element, from, column), to, columns);
    column += columns;
  }
}

/// Rows are those of the input, and both matrices have one order in memory. Rows behind the last
/// whole group belong to no row of the result.
void emitRow(KernelFrame &frame, MergeRowsOp op, Value row) {
  ImplicitLocOpBuilder &b = frame.builder();
  int64_t columns = rowElements(op.getInput());
  Type element = elementOf(op.getInput());
  Value wholeRows = product(b, frame.resultSize(0, 0), static_cast<int64_t>(op.getRows()));
  Value isWhole = arith::CmpIOp::create(b, arith::CmpIPredicate::slt, row, wholeRows);
  auto guarded = scf::IfOp::create(b, isWhole, /*withElseRegion=*/false);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(guarded.thenBlock());
  copyElements(b, element, rowPointer(b, element, frame.buffer(op.getInput()), row, columns),
               rowPointer(b, element, frame.resultBuffer(0), row, columns), columns);
}

} // namespace mlir::qvl
