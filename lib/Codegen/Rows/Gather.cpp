// Rows picked by number: data movement, exact for every bit pattern.

#include "lib/Codegen/Emit/Loops.h"
#include "lib/Codegen/Rows/RowEmitters.h"
#include "lib/Codegen/Rows/RowLoops.h"

namespace mlir::qvl {

/// Element `position` of a vector of i32, as index.
static Value rowNumber(RowFrame &frame, Value tensor, Value position) {
  ImplicitLocOpBuilder &b = frame.builder();
  return loadIndex(b, elementPointer(b, b.getI32Type(), frame.buffer(tensor), position));
}

/// Row `from` of the input becomes row `to` of the result.
static void moveRow(RowFrame &frame, Value input, Value from, Value to) {
  ImplicitLocOpBuilder &b = frame.builder();
  int64_t columns = rowElements(input);
  Type element = elementOf(input);
  copyElements(frame, element, rowPointer(b, element, frame.buffer(input), from, columns),
               rowPointer(b, element, frame.resultBuffer(0), to, columns), columns, columns);
}

/// Reads the row of the table out of its panel: groups of `k_group` neighbouring columns, one group
/// every `n` groups.
void emitRow(RowFrame &frame, EmbedOp op, Value row) {
  ImplicitLocOpBuilder &b = frame.builder();
  auto panel = cast<PanelAttr>(encodingOf(op.getTable()));
  int64_t n = panel.getN(), group = panel.getKGroup(), columns = rowElements(op.getResult());
  Type stored = panel.getElement(), element = elementOf(op.getResult());
  Value id = rowNumber(frame, op.getIds(), row);
  Value place = sum(b, product(b, quotient(b, id, n), n * panel.getPadK()),
                    product(b, remainder(b, id, n), group));
  Value from = elementPointer(b, stored, frame.buffer(op.getTable()), place);
  Value to = rowPointer(b, element, frame.resultBuffer(0), row, columns);
  auto copyColumns = [&](Value column, Value place, int64_t width) {
    convertVector(frame, stored, elementPointer(b, stored, from, place), element,
                  elementPointer(b, element, to, column), width);
  };
  if (columns % group == 0)
    return frame.forEach(columns / group, [&](Value number) {
      copyColumns(product(b, number, group), product(b, number, n * group), group);
    });
  // Rows begin inside a group of the result: column by column.
  frame.forEach(columns, [&](Value column) {
    Value line = product(b, quotient(b, column, group), n * group);
    copyColumns(column, sum(b, line, remainder(b, column, group)), 1);
  });
}

void emitRow(RowFrame &frame, GatherRowsOp op, Value row) {
  moveRow(frame, op.getInput(), rowNumber(frame, op.getRows(), row), row);
}

void emitRow(RowFrame &frame, MergeFeaturesOp op, Value row) {
  ImplicitLocOpBuilder &b = frame.builder();
  int64_t columns = rowElements(op.getResult());
  Type element = elementOf(op.getResult());
  Value number = rowNumber(frame, op.getFeatureRows(), row);
  Value none = arith::CmpIOp::create(b, arith::CmpIPredicate::slt, number, constantIndex(b, 0));
  Value result = rowPointer(b, element, frame.resultBuffer(0), row, columns);
  auto copyFrom = [&](Value tensor, Value from) {
    Type source = elementOf(tensor);
    convertElements(frame, source, rowPointer(b, source, frame.buffer(tensor), from, columns),
                    element, result, columns, columns);
  };
  auto branch = scf::IfOp::create(b, none, /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(branch.thenBlock());
  copyFrom(op.getEmbeddings(), row);
  b.setInsertionPointToStart(branch.elseBlock());
  copyFrom(op.getFeatures(), number);
}

void emitRow(RowFrame &frame, RegroupOp op, Value row) {
  ImplicitLocOpBuilder &b = frame.builder();
  auto group = static_cast<int64_t>(op.getGroup());
  Value number = rowNumber(frame, op.getIndex(), quotient(b, row, group));
  Value other = sum(b, product(b, number, group), remainder(b, row, group));
  if (op.getInverse())
    moveRow(frame, op.getInput(), row, other);
  else
    moveRow(frame, op.getInput(), other, row);
}

} // namespace mlir::qvl
