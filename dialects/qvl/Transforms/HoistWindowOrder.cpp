// qvl-hoist-window-order: a row order for every value instead of permutations around each
// attention.

#include "dialects/qvl/Fusion/FusionReport.h"
#include "dialects/qvl/Fusion/RowOrder.h"
#include "dialects/qvl/Transforms/Passes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;
using namespace mlir::qvl;

namespace mlir::qvl {
#define GEN_PASS_DEF_HOISTWINDOWORDERPASS
#include "dialects/qvl/Transforms/Passes.h.inc"
} // namespace mlir::qvl

namespace {

/// One order and one function. `analyze` gives every value its order as traced, finds the ops that
/// may run in window order and counts the permutations that would be left; `apply` rewrites.
class OrderAssignment {
public:
  OrderAssignment(Block &body, WindowOrder order) : body(body), order(order) {}

  /// Fails when groups contradict each other.
  LogicalResult analyze() {
    for (Operation &op : body)
      assignTraced(&op);
    for (RegroupOp regroup : traced)
      if (failed(propagate(regroup)))
        return failure();
    for (Operation &op : body)
      for (OpOperand &operand : op.getOpOperands())
        countFor(operand);
    return success();
  }
  size_t before() const { return traced.size(); }
  size_t after() const { return sources.size() + undone.size(); }
  ArrayRef<Operation *> obstacles() const { return inTheWay.getArrayRef(); }
  void apply();

private:
  void assignTraced(Operation *op);
  LogicalResult propagate(RegroupOp regroup);
  LogicalResult assign(Value value, int64_t group);
  LogicalResult visit(Operation *op);
  bool keepsGroups(Operation *op, int64_t group);
  void countFor(OpOperand &operand);

  /// The value that holds the same rows when the traced permutations are gone.
  Value resolve(Value value) {
    RegroupOp regroup = value.getDefiningOp<RegroupOp>();
    return isTraced(regroup) ? resolve(regroup.getInput()) : value;
  }
  bool isTraced(RegroupOp regroup) const { return regroup && traced.contains(regroup); }
  bool isMoved(Value value) {
    return value.getDefiningOp() && moved.contains(value.getDefiningOp());
  }
  /// Whether an operand is read in window order, as assigned to its reader or else as traced.
  bool isReadInWindows(OpOperand &operand) {
    Operation *reader = operand.getOwner();
    bool isRows = operand.getOperandNumber() < rowOperands(reader).size();
    return (isRows && moved.contains(reader)) || tracedOrders.lookup(operand.get()) != 0;
  }
  Value permuted(Value value, bool inverse);

  Block &body;
  WindowOrder order;
  RowOrders tracedOrders;                ///< as traced
  RowOrders orders;                      ///< as assigned
  llvm::SetVector<RegroupOp> traced;     ///< permutations between the two orders, which go away
  DenseSet<Operation *> keeping;         ///< ops that keep the order of their operands
  DenseSet<Operation *> moved;           ///< those that run in window order
  SmallVector<Value> worklist;           ///< values whose ops are not visited yet
  llvm::SetVector<Value> sources;        ///< raster rows that ops in window order read
  llvm::SetVector<Value> undone;         ///< rows in window order that are read in raster order
  llvm::SetVector<Operation *> inTheWay; ///< their readers inside the function
  DenseMap<Value, Value> intoWindows, intoRaster;
};

/// The order of an op's results as traced, and whether the op may change to the other order.
void OrderAssignment::assignTraced(Operation *op) {
  if (auto regroup = dyn_cast<RegroupOp>(op); regroup && orderOf(regroup) == order) {
    int64_t group = tracedOrders.lookup(regroup.getInput());
    auto own = static_cast<int64_t>(regroup.getGroup());
    if (group != (regroup.getInverse() ? own : 0))
      return;
    traced.insert(regroup);
    if (!regroup.getInverse())
      tracedOrders[regroup.getResult()] = own;
    return;
  }
  if (rowOperands(op).empty() || !ordersAgree(op, tracedOrders))
    return;
  int64_t group = tracedOrders.lookup(rowOperands(op).front());
  if (group == 0 ? !keepsOrderOfOperand(op, order) : !mergesInsideGroups(op, group))
    return;
  keeping.insert(op);
  if (group != 0)
    for (Value result : op->getResults())
      tracedOrders[result] = group / rowsPerResultRow(op);
}

/// Fails when the value has window order of another size of groups.
LogicalResult OrderAssignment::assign(Value value, int64_t group) {
  auto [at, isNew] = orders.try_emplace(value, group);
  if (isNew)
    worklist.push_back(value);
  return success(at->second == group);
}

/// Whether groups of `group` rows of the operands are those of the order and stay whole, and an
/// attention that changes its order has the rows that its segments count.
bool OrderAssignment::keepsGroups(Operation *op, int64_t group) {
  bool changes = tracedOrders.lookup(rowOperands(op).front()) == 0;
  return order.groupRows % group == 0 && mergesInsideGroups(op, group) &&
         (!isa<AttentionOp>(op) || !changes || group == order.groupRows);
}

/// Brings the values beside an op that keeps orders into window order, when one of them is.
LogicalResult OrderAssignment::visit(Operation *op) {
  if (auto regroup = dyn_cast<RegroupOp>(op); isTraced(regroup)) {
    auto group = static_cast<int64_t>(regroup.getGroup());
    return success(succeeded(assign(regroup.getInput(), group)) &&
                   succeeded(assign(regroup.getResult(), group)));
  }
  if (!keeping.contains(op) || moved.contains(op))
    return success();
  int64_t group = 0;
  for (Value operand : rowOperands(op))
    group = std::max(group, orders.lookup(operand));
  for (Value result : op->getResults())
    group = std::max(group, orders.lookup(result) * rowsPerResultRow(op));
  if (group == 0 || !keepsGroups(op, group))
    return success();
  moved.insert(op);
  return success(
      llvm::all_of(rowOperands(op), [&](Value value) { return succeeded(assign(value, group)); }) &&
      llvm::all_of(op->getResults(), [&](Value value) {
        return succeeded(assign(value, group / rowsPerResultRow(op)));
      }));
}

/// Spreads window order from a permutation over all ops that keep it.
LogicalResult OrderAssignment::propagate(RegroupOp regroup) {
  if (failed(visit(regroup)))
    return failure();
  while (!worklist.empty()) {
    Value value = worklist.pop_back_val();
    SmallVector<Operation *> beside(value.getUsers());
    if (value.getDefiningOp())
      beside.push_back(value.getDefiningOp());
    for (Operation *op : beside)
      if (failed(visit(op)))
        return failure();
  }
  return success();
}

/// Notes the permutation that an operand needs once its producer or its reader runs in window
/// order.
void OrderAssignment::countFor(OpOperand &operand) {
  Operation *op = operand.getOwner();
  Value root = resolve(operand.get());
  if (isTraced(dyn_cast<RegroupOp>(op)))
    return;
  bool inWindows = isReadInWindows(operand);
  if (inWindows && !isMoved(root))
    sources.insert(root);
  if (inWindows || !isMoved(root))
    return;
  undone.insert(root);
  if (!op->hasTrait<OpTrait::IsTerminator>())
    inTheWay.insert(op);
}

/// `value` in the other order, right behind it.
Value OrderAssignment::permuted(Value value, bool inverse) {
  Value &result = (inverse ? intoRaster : intoWindows)[value];
  if (result)
    return result;
  OpBuilder builder(value.getContext());
  builder.setInsertionPointAfterValue(value);
  int64_t group = orders.lookup(value), merged = order.groupRows / group;
  return result = RegroupOp::create(builder, value.getLoc(), value.getType(), value, order.index,
                                    order.segments, builder.getI64IntegerAttr(group),
                                    inverse ? builder.getUnitAttr() : UnitAttr(),
                                    merged > 1 ? builder.getI64IntegerAttr(merged) : IntegerAttr());
}

/// Points every reader at rows in the order that it takes, and drops the traced permutations.
void OrderAssignment::apply() {
  for (Operation &op : llvm::make_early_inc_range(body)) {
    if (isTraced(dyn_cast<RegroupOp>(op)))
      continue;
    for (OpOperand &operand : op.getOpOperands()) {
      Value root = resolve(operand.get());
      bool inWindows = isReadInWindows(operand);
      operand.set(inWindows == isMoved(root) ? root : permuted(root, /*inverse=*/!inWindows));
    }
  }
  for (RegroupOp regroup : llvm::reverse(traced))
    regroup.erase();
}

} // namespace

/// The steps of the function are the ops of its one block: no region reads rows besides.
static bool isStraightLine(func::FuncOp function) {
  return function.getBody().hasOneBlock() && llvm::all_of(function.front(), [](Operation &op) {
           return op.getNumRegions() == 0 || op.hasTrait<OpTrait::IsIsolatedFromAbove>();
         });
}

/// The index and the segments are there wherever a permutation may be placed.
static bool isKnownOnEntry(WindowOrder order) {
  return isa<BlockArgument>(order.index) && isa<BlockArgument>(order.segments);
}

/// Why an op reads rows in raster order.
static StringRef reasonFor(Operation *op) {
  if (isa<AttentionOp>(op))
    return "attends inside segments that the order does not preserve";
  if (isa<MergeRowsOp>(op))
    return "merges rows of different groups";
  return isRowWise(op) ? "has operands in different orders" : "is not row-wise";
}

/// The distinct orders of the permutations of a function, as they come.
static SmallVector<WindowOrder> ordersOf(func::FuncOp function) {
  SmallVector<WindowOrder> orders;
  function.walk([&](RegroupOp regroup) {
    if (!llvm::is_contained(orders, orderOf(regroup)))
      orders.push_back(orderOf(regroup));
  });
  return orders;
}

/// Hoists one order in one function when that leaves fewer permutations than there are.
static void hoist(func::FuncOp function, WindowOrder order, FusionReport &report) {
  if (!isStraightLine(function))
    return (void)report.missed(function, "the function is no straight line of steps");
  if (!isKnownOnEntry(order))
    return (void)report.missed(function, "a window order is computed inside the function");
  OrderAssignment assignment(function.front(), order);
  if (failed(assignment.analyze()))
    return (void)report.missed(function,
                               "permutations by one index move groups of different sizes");
  for (Operation *op : assignment.obstacles())
    (void)report.missed(op,
                        describe(op) + " " + reasonFor(op) + ", so its rows stay in raster order");
  if (assignment.after() >= assignment.before())
    return;
  report.passed(function.getLoc(), Twine(assignment.before()) + " permutations of rows became " +
                                       Twine(assignment.after()));
  assignment.apply();
}

namespace {

struct HoistWindowOrder : mlir::qvl::impl::HoistWindowOrderPassBase<HoistWindowOrder> {
  void runOnOperation() override {
    FusionReport report(*this, fused, missed);
    for (auto function : getOperation().getOps<func::FuncOp>())
      for (WindowOrder order : ordersOf(function))
        hoist(function, order, report);
  }
};

} // namespace
