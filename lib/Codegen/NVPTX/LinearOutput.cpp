#include "LinearOutput.h"

#include "../Emit/IndexArithmetic.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

#include <numeric>

namespace mlir::qvl {

/// Columns of a patch that lie inside of the result or outside as a whole: rows are multiples of
/// the width, so an address is aligned to a piece.
struct LinearOutput::Piece {
  int64_t start, width; // in the patch
  Value column;         // of the result
  Value inside;         // the same, or columns that exist
};

namespace {

/// Bytes to which elements of a piece are aligned; an instruction moves at most 16.
int64_t alignmentOf(Type element, int64_t width) {
  return std::min<int64_t>(16, element.getIntOrFloatBitWidth() / 8 * width);
}

Value isBelow(ImplicitLocOpBuilder &b, Value lhs, Value rhs) {
  return arith::CmpIOp::create(b, arith::CmpIPredicate::slt, lhs, rhs);
}

} // namespace

void LinearOutput::store(const OutputPatch &patch) {
  int64_t width = std::gcd(projection.columns, patch.width);
  for (int64_t start = 0; start < patch.width; start += width) {
    Value column = sum(b, patch.firstColumn, start);
    Value last = constantIndex(b, projection.columns - width);
    storePiece(patch, {start, width, column, minimum(b, column, last)});
  }
}

/// Loads come first and without branches, so that they are under way together: rows and columns
/// outside give the operands of the last ones inside.
void LinearOutput::storePiece(const OutputPatch &patch, const Piece &piece) {
  Value lastRow = difference(b, frame.rowEnd(), constantIndex(b, 1));
  SmallVector<Value> perColumn;
  for (const EpilogueOperand &operand : projection.operands)
    perColumn.push_back(operand.perElement ? Value()
                                           : loadOperand(operand, constantIndex(b, 0), piece));
  SmallVector<SmallVector<Value>> arguments;
  for (auto [row, sums] : llvm::zip(patch.rows, patch.sums)) {
    SmallVector<Value> &values = arguments.emplace_back();
    for (Value part : sums)
      values.push_back(
          vector::ExtractStridedSliceOp::create(b, part, piece.start, piece.width, int64_t{1}));
    for (auto [operand, vector] : llvm::zip(projection.operands, perColumn))
      values.push_back(vector ? vector : loadOperand(operand, minimum(b, row, lastRow), piece));
  }
  for (auto [row, values] : llvm::zip(patch.rows, arguments))
    storeRow(row, piece, projection.epilogue(b, values));
}

Value LinearOutput::place(Value row, Value column) {
  return sum(b, product(b, row, projection.columns), column);
}

Value LinearOutput::loadOperand(const EpilogueOperand &operand, Value row, const Piece &piece) {
  auto type = VectorType::get({piece.width}, b.getF32Type());
  Value pointer = elementPointer(b, operand.element, operand.memory, place(row, piece.inside));
  return loadFloats(b, type, operand.element, pointer, {},
                    alignmentOf(operand.element, piece.width));
}

void LinearOutput::storeRow(Value row, const Piece &piece, Value value) {
  Value isRow = isBelow(b, row, frame.rowEnd());
  Value isColumn = isBelow(b, piece.column, constantIndex(b, projection.columns));
  auto isInside = scf::IfOp::create(b, arith::AndIOp::create(b, isRow, isColumn));
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(isInside.thenBlock());
  Type element = projection.resultElement;
  Value pointer =
      elementPointer(b, element, projection.result, place(projection.store(b, row), piece.column));
  if (element.isBF16())
    value = arith::TruncFOp::create(b, VectorType::get({piece.width}, element), value);
  qvl::store(b, value, pointer, alignmentOf(element, piece.width));
}

} // namespace mlir::qvl
