// Rows of a matrix that a tile reads or writes through a permutation of groups of rows.
#pragma once

#include "IndexArithmetic.h"

#include <numeric>

namespace mlir::qvl {

/// Row `t` of a tile is row `index[t / group] · group + t mod group` of the matrix, or row `t`
/// without an index. `index` is the memory of an i32 vector.
struct RowMap {
  Value index;
  int64_t group = 1;

  /// The mapped row of row `row`.
  Value operator()(ImplicitLocOpBuilder &b, Value row) const {
    if (!index)
      return row;
    Value entry = elementPointer(b, b.getI32Type(), index, quotient(b, row, group));
    return sum(b, product(b, loadIndex(b, entry), group), remainder(b, row, group));
  }

  /// How many of the `rows` rows of a tile follow each other in the matrix. Tiles start at
  /// multiples of the power of two in their rows: those of six rows at any even row.
  int64_t runLength(int64_t rows) const { return index ? std::gcd(rows & -rows, group) : rows; }
};

/// Addresses of the rows of a tile, computed once: a pointer for each run of neighbouring rows.
class TileRows {
public:
  /// Rows [row, row + rows) of a matrix of `columns` columns of `element` at `base`, from
  /// `firstColumn` on. `row` is a multiple of the power of two in `rows`.
  TileRows(ImplicitLocOpBuilder &b, const RowMap &map, Type element, Value base, int64_t columns,
           Value row, int64_t rows, Value firstColumn)
      : element(element), columns(columns), run(map.runLength(rows)) {
    for (int64_t start = 0; start < rows; start += run) {
      Value place = sum(b, product(b, map(b, sum(b, row, start)), columns), firstColumn);
      starts.push_back(elementPointer(b, element, base, place));
    }
  }

  /// The address of element `column` of row `row` of the tile.
  Value pointer(ImplicitLocOpBuilder &b, int64_t row, int64_t column) const {
    return elementPointer(b, element, starts[row / run], row % run * columns + column);
  }
  /// The same rows, `distance` columns further.
  TileRows advanced(ImplicitLocOpBuilder &b, Value distance) const {
    TileRows result(*this);
    for (Value &start : result.starts)
      start = elementPointer(b, element, start, distance);
    return result;
  }

private:
  SmallVector<Value> starts;
  Type element;
  int64_t columns, run;
};

} // namespace mlir::qvl
