// Rows cut into heads and rows put side by side: copies.

#include "lib/Codegen/Emit/VectorMemory.h"
#include "lib/Codegen/Rows/RowEmitters.h"
#include "lib/Codegen/Rows/RowLoops.h"

#include <numeric>

namespace mlir::qvl {

void emitRow(RowFrame &frame, SplitHeadsOp op, Value row) {
  ImplicitLocOpBuilder &b = frame.builder();
  Type element = elementOf(op.getInput());
  Value from = rowPointer(b, element, frame.buffer(op.getInput()), row, rowElements(op.getInput()));
  int64_t column = 0;
  for (auto [number, part] : llvm::enumerate(op.getParts())) {
    int64_t columns = rowElements(part);
    Value to = rowPointer(b, element, frame.resultBuffer(number), row, columns);
    int64_t unit = std::gcd(std::gcd(rowElements(op.getInput()), column), columns);
    copyElements(frame, element, elementPointer(b, element, from, column), to, columns, unit);
    column += columns;
  }
}

/// Both matrices have one order in memory.
void emitRow(RowFrame &frame, MergeRowsOp op, Value row) {
  ImplicitLocOpBuilder &b = frame.builder();
  int64_t columns = rowElements(op.getInput());
  Type element = elementOf(op.getInput());
  forRowsOfWholeGroups(frame, row, static_cast<int64_t>(op.getRows()), [&] {
    copyElements(frame, element, rowPointer(b, element, frame.buffer(op.getInput()), row, columns),
                 rowPointer(b, element, frame.resultBuffer(0), row, columns), columns, columns);
  });
}

} // namespace mlir::qvl
