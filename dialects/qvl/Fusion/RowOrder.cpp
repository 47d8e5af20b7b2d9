// Which ops keep the order of their rows.

#include "dialects/qvl/Fusion/RowOrder.h"

#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mlir::qvl;

WindowOrder mlir::qvl::orderOf(RegroupOp regroup) {
  return {regroup.getIndex(), regroup.getSegments(),
          static_cast<int64_t>(regroup.getGroup()) * regroup.getSegmentRows()};
}

/// How many of the operands, from the first, hold rows.
static unsigned countRowOperands(Operation *op) {
  return TypeSwitch<Operation *, unsigned>(op)
      .Case([](RmsNormOp norm) { return norm.getMerge() ? 0 : 1; })
      .Case<LinearOp, SiluOp, GeluOp, CastOp, SplitHeadsOp, MergeRowsOp>([](auto) { return 1; })
      .Case<AddOp, MulOp, RotateOp>([](auto) { return 2; }) // Both terms; heads and table.
      .Case([](AttentionOp) { return 3; })                  // Query, key, value.
      .Default([](Operation *) { return 0; });
}

OperandRange mlir::qvl::rowOperands(Operation *op) {
  return op->getOperands().take_front(countRowOperands(op));
}

bool mlir::qvl::isRowWise(Operation *op) {
  return !isa<AttentionOp, MergeRowsOp>(op) && !rowOperands(op).empty();
}

bool mlir::qvl::ordersAgree(Operation *op, const RowOrders &orders) {
  return llvm::all_equal(
      llvm::map_range(rowOperands(op), [&](Value operand) { return orders.lookup(operand); }));
}

bool mlir::qvl::attentionCommutesWith(WindowOrder order, AttentionOp attention) {
  return attention.getSegments() == order.segments;
}

bool mlir::qvl::mergesInsideGroups(Operation *op, int64_t group) {
  return group % rowsPerResultRow(op) == 0;
}

bool mlir::qvl::keepsOrderOfOperand(Operation *op, WindowOrder order) {
  if (auto attention = dyn_cast<AttentionOp>(op))
    return attentionCommutesWith(order, attention);
  return isRowWise(op) || isa<MergeRowsOp>(op);
}

int64_t mlir::qvl::rowsPerResultRow(Operation *op) {
  auto merge = dyn_cast<MergeRowsOp>(op);
  return merge ? static_cast<int64_t>(merge.getRows()) : 1;
}
