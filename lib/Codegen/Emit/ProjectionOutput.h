// The end of a projection's tile: epilogues on finished sums, and their operands.
#pragma once

#include "Projection.h"

namespace mlir::qvl {

/// Stores tiles of a projection's result.
class ProjectionOutput {
public:
  /// The result of one tile and the operands of its epilogue in memory, in rows of `form`.
  struct Tile {
    TileForm form; // of the result: two weights share its columns
    Value firstColumn;
    TileRows result;
    SmallVector<TileRows> operands; // a vector is a matrix of one row
  };

  ProjectionOutput(ImplicitLocOpBuilder &b, const Projection &projection, const TileTarget &target)
      : b(b), projection(projection), target(target) {}

  /// The tile of `form.rows` rows from `row` on and of `form.vectors` vectors of accumulators from
  /// column `firstColumn` of the panels on.
  Tile tile(TileForm form, Value row, Value firstColumn) const;

  /// Fetches what the epilogue reads, while the sums are not finished.
  void prefetchOperands(const Tile &tile) const;

  /// Applies the epilogue to finished sums, row by row in the order of the panels' columns, and
  /// stores its results.
  void store(const Tile &tile, ArrayRef<Value> sums) const;

private:
  void prefetchRows(const TileRows &rows, Type element, TileForm form) const;
  SmallVector<Value> separateWeights(ArrayRef<Value> sums) const;
  Value resultOf(const Tile &tile, ArrayRef<Value> sums, ArrayRef<Value> perColumn, int64_t row,
                 int64_t vector, Value mask) const;

  ImplicitLocOpBuilder &b;
  const Projection &projection;
  const TileTarget &target;
};

} // namespace mlir::qvl
