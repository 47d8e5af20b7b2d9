#include "ProjectionOutput.h"

#include "mlir/Dialect/Vector/IR/VectorOps.h"

namespace mlir::qvl {

ProjectionOutput::Tile ProjectionOutput::tile(TileForm form, Value row, Value firstColumn) const {
  form.vectors /= projection.weightCount();
  firstColumn = quotient(b, firstColumn, projection.weightCount());
  auto tileRows = [&](const RowMap &map, Type element, Value memory) {
    return TileRows(b, map, element, memory, projection.columns, row, form.rows, firstColumn);
  };
  Tile tile{form,
            firstColumn,
            tileRows(projection.store, projection.resultElement, projection.result),
            {}};
  for (const EpilogueOperand &operand : projection.operands)
    tile.operands.push_back(operand.perElement ? tileRows({}, operand.element, operand.memory)
                                               : TileRows(b, {}, operand.element, operand.memory,
                                                          projection.columns, constantIndex(b, 0),
                                                          1, firstColumn));
  return tile;
}

/// The sums of a tile take longer than memory. Rows lie far apart, so the processor would not see
/// them coming.
void ProjectionOutput::prefetchOperands(const Tile &tile) const {
  for (auto [operand, rows] : llvm::zip(projection.operands, tile.operands))
    if (operand.perElement)
      prefetchRows(rows, operand.element, tile.form);
}

void ProjectionOutput::prefetchRows(const TileRows &rows, Type element, TileForm form) const {
  constexpr int64_t lineBytes = 64;
  constexpr uint32_t read = 0, keepInAllCaches = 3, data = 1;
  int64_t perLine = lineBytes * 8 / element.getIntOrFloatBitWidth();
  for (int64_t row = 0; row < form.rows; ++row)
    for (int64_t column = 0; column < form.vectors * target.lanes(); column += perLine)
      LLVM::Prefetch::create(b, rows.pointer(b, row, column), read, keepInAllCaches, data);
}

/// The accumulators of two weights, which take turns in blocks of lanes, as pairs of vectors: the
/// columns of one weight, then the same columns of the other.
SmallVector<Value> ProjectionOutput::separateWeights(ArrayRef<Value> sums) const {
  int64_t block = projection.panel.getInterleave();
  SmallVector<int64_t> first, second; // lanes of two neighbouring vectors, numbered through
  for (int64_t lane = 0; lane < target.lanes(); ++lane) {
    first.push_back(lane / block * 2 * block + lane % block);
    second.push_back(first.back() + block);
  }
  SmallVector<Value> separate;
  for (size_t i = 0; i < sums.size(); i += 2)
    for (const auto &lanes : {first, second})
      separate.push_back(vector::ShuffleOp::create(b, sums[i], sums[i + 1], lanes));
  return separate;
}

/// The epilogue's result of a vector: of one vector of sums of each weight and of the operands, of
/// which those per column are loaded already.
Value ProjectionOutput::resultOf(const Tile &tile, ArrayRef<Value> sums, ArrayRef<Value> perColumn,
                                 int64_t row, int64_t vector, Value mask) const {
  int64_t weights = projection.weightCount();
  SmallVector<Value> arguments(sums.slice((row * tile.form.vectors + vector) * weights, weights));
  for (auto [operand, loaded, rows] : llvm::zip(projection.operands, perColumn, tile.operands))
    arguments.push_back(loaded ? loaded
                               : loadFloats(b, target.vectorType(b.getContext()), operand.element,
                                            rows.pointer(b, row, vector * target.lanes()), mask));
  return projection.epilogue(b, arguments);
}

/// Operands per column are loaded once for all rows.
void ProjectionOutput::store(const Tile &tile, ArrayRef<Value> sums) const {
  SmallVector<Value> separate;
  if (projection.weightCount() > 1)
    sums = separate = separateWeights(sums);
  VectorType type = target.vectorType(b.getContext());
  bool partial = projection.weightCount() * projection.columns % projection.panel.getN() != 0;
  Value columnsLeft = difference(b, constantIndex(b, projection.columns), tile.firstColumn);
  for (int64_t v = 0; v < tile.form.vectors; ++v) {
    int64_t lane = v * target.lanes();
    Value left = difference(b, columnsLeft, constantIndex(b, lane));
    Value mask = partial ? laneMask(b, target.lanes(), left) : Value();
    SmallVector<Value> perColumn;
    for (auto [operand, rows] : llvm::zip(projection.operands, tile.operands))
      perColumn.push_back(operand.perElement ? Value()
                                             : loadFloats(b, type, operand.element,
                                                          rows.pointer(b, 0, lane), mask));
    for (int64_t r = 0; r < tile.form.rows; ++r)
      storeFloats(b, resultOf(tile, sums, perColumn, r, v, mask), projection.resultElement,
                  tile.result.pointer(b, r, lane), mask);
  }
}

} // namespace mlir::qvl
