// Row orders, and which ops keep them: the algebra behind qvl-hoist-window-order.
#pragma once

#include "dialects/qvl/IR/Qvl.h"

#include "llvm/ADT/DenseMap.h"

namespace mlir::qvl {

/// A window order: groups moved by `index`, every row inside its segment of `segments`. A group has
/// `groupRows` of the rows that the segments count, and as many rows of a value or, of a value that
/// merges them, fewer (four patches, one merged row).
struct WindowOrder {
  Value index, segments;
  int64_t groupRows;
  bool operator==(const WindowOrder &) const = default;
};

/// The order that a permutation makes or undoes.
WindowOrder orderOf(RegroupOp regroup);

/// Rows per moved group of the values that are in window order; every other value is in raster
/// order.
using RowOrders = llvm::DenseMap<Value, int64_t>;

/// The operands whose rows an op maps to its own, which come first; none when a row of the result
/// depends on others.
OperandRange rowOperands(Operation *op);

/// Row t of the results depends on row t of the row operands alone.
bool isRowWise(Operation *op);

/// The row operands are all in raster order or all in window order, moved by equal groups.
bool ordersAgree(Operation *op, const RowOrders &orders);

/// Attention inside the segments that the order preserves sees the same rows in either order.
bool attentionCommutesWith(WindowOrder order, AttentionOp attention);

/// Rows that become one are moved together: groups of `group` rows consist of whole merged rows.
bool mergesInsideGroups(Operation *op, int64_t group);

/// With row operands in window order instead of raster order, the op gives the same results in
/// window order.
bool keepsOrderOfOperand(Operation *op, WindowOrder order);

/// Rows that one row of the results is made of: 1 but for merge_rows.
int64_t rowsPerResultRow(Operation *op);

} // namespace mlir::qvl
