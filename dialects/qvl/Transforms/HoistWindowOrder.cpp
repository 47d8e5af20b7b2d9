// qvl-hoist-window-order: a row order for every value instead of permutations around each
// attention.

#include "FusionReport.h"
#include "dialects/qvl/Transforms/Passes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mlir::qvl;

namespace mlir::qvl {
#define GEN_PASS_DEF_HOISTWINDOWORDERPASS
#include "dialects/qvl/Transforms/Passes.h.inc"
} // namespace mlir::qvl

namespace {

/// A window order: groups of rows moved by `index`, every row inside its segment of `segments`. The
/// rows of a group differ from value to value (four patches, one merged row).
struct WindowOrder {
  Value index, segments;
  bool operator==(const WindowOrder &) const = default;
};

/// Rows per moved group of the values that are in window order; every other value is in raster
/// order.
using RowOrders = DenseMap<Value, int64_t>;

} // namespace

static WindowOrder orderOf(RegroupOp regroup) {
  return {regroup.getIndex(), regroup.getSegments()};
}

/// The operands whose rows an op maps to its own; none when rows of the result depend on others.
static SmallVector<Value> rowOperands(Operation *op) {
  return TypeSwitch<Operation *, SmallVector<Value>>(op)
      .Case([](RmsNormOp norm) {
        return norm.getMerge() ? SmallVector<Value>() : SmallVector<Value>{norm.getInput()};
      })
      .Case<LinearOp, SiluOp, GeluOp, CastOp, SplitHeadsOp, MergeRowsOp>(
          [](auto unary) { return SmallVector<Value>{unary.getInput()}; })
      .Case<AddOp, MulOp, RotateOp, AttentionOp>([](Operation *several) {
        // Both terms; the heads and their table; query, key and value.
        return llvm::to_vector(
            several->getOperands().take_front(isa<AttentionOp>(several) ? 3 : 2));
      })
      .Default([](Operation *) { return SmallVector<Value>(); });
}

/// Row t of the results depends on row t of the row operands alone.
static bool isRowWise(Operation *op) {
  return !isa<AttentionOp, MergeRowsOp>(op) && !rowOperands(op).empty();
}

/// The row operands are all in raster order or all in window order, moved by equal groups.
static bool ordersAgree(Operation *op, const RowOrders &orders) {
  return llvm::all_equal(
      llvm::map_range(rowOperands(op), [&](Value operand) { return orders.lookup(operand); }));
}

/// Attention inside the segments that the order preserves sees the same rows in either order.
static bool attentionCommutesWith(WindowOrder order, AttentionOp attention) {
  return attention.getSegments() == order.segments;
}

/// Rows that become one are moved together: groups of `group` rows consist of whole merged rows.
static bool mergesInsideGroups(MergeRowsOp merge, int64_t group) {
  return group % static_cast<int64_t>(merge.getRows()) == 0;
}

/// With row operands in window order instead of raster order, the op gives its results in window
/// order and the same otherwise.
static bool keepsOrderOfOperand(Operation *op, WindowOrder order) {
  if (auto attention = dyn_cast<AttentionOp>(op))
    return attentionCommutesWith(order, attention);
  return isRowWise(op) || isa<MergeRowsOp>(op);
}

/// Rows per group of a result, from those of the operand.
static int64_t groupOfResult(Operation *op, int64_t group) {
  auto merge = dyn_cast<MergeRowsOp>(op);
  return merge ? group / static_cast<int64_t>(merge.getRows()) : group;
}

static int64_t groupOfOperand(Operation *op, int64_t group) {
  auto merge = dyn_cast<MergeRowsOp>(op);
  return merge ? group * static_cast<int64_t>(merge.getRows()) : group;
}

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
  void countFor(OpOperand &operand);

  /// The value that holds the same rows when the traced permutations are gone.
  Value resolve(Value value) {
    while (RegroupOp regroup = value.getDefiningOp<RegroupOp>()) {
      if (!traced.contains(regroup))
        break;
      value = regroup.getInput();
    }
    return value;
  }
  bool isMoved(Value value) {
    return value.getDefiningOp() && moved.contains(value.getDefiningOp());
  }
  bool isRowOperand(OpOperand &operand) {
    return llvm::is_contained(rowOperands(operand.getOwner()), operand.get());
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
  auto merge = dyn_cast<MergeRowsOp>(op);
  if (group == 0 ? !keepsOrderOfOperand(op, order) : merge && !mergesInsideGroups(merge, group))
    return;
  keeping.insert(op);
  if (group != 0)
    for (Value result : op->getResults())
      tracedOrders[result] = groupOfResult(op, group);
}

LogicalResult OrderAssignment::assign(Value value, int64_t group) {
  auto [at, isNew] = orders.try_emplace(value, group);
  if (isNew)
    worklist.push_back(value);
  return success(at->second == group);
}

/// Brings the values beside an op that keeps orders into window order, when one of them is.
LogicalResult OrderAssignment::visit(Operation *op) {
  if (auto regroup = dyn_cast<RegroupOp>(op); regroup && traced.contains(regroup)) {
    auto group = static_cast<int64_t>(regroup.getGroup());
    return success(succeeded(assign(regroup.getInput(), group)) &&
                   succeeded(assign(regroup.getResult(), group)));
  }
  if (!keeping.contains(op) || moved.contains(op))
    return success();
  SmallVector<Value> operands = rowOperands(op);
  int64_t group = 0;
  for (Value operand : operands)
    group = std::max(group, orders.lookup(operand));
  for (Value result : op->getResults())
    if (int64_t own = orders.lookup(result))
      group = std::max(group, groupOfOperand(op, own));
  if (auto merge = dyn_cast<MergeRowsOp>(op);
      group == 0 || (merge && !mergesInsideGroups(merge, group)))
    return success();
  moved.insert(op);
  for (Value operand : operands)
    if (failed(assign(operand, group)))
      return failure();
  for (Value result : op->getResults())
    if (failed(assign(result, groupOfResult(op, group))))
      return failure();
  return success();
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
  if (isa<RegroupOp>(op) && traced.contains(cast<RegroupOp>(op)))
    return;
  bool inWindows =
      moved.contains(op) ? isRowOperand(operand) : tracedOrders.lookup(operand.get()) != 0;
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
  auto group = builder.getI64IntegerAttr(orders.lookup(value));
  UnitAttr undo = inverse ? builder.getUnitAttr() : UnitAttr();
  return result = RegroupOp::create(builder, value.getLoc(), value.getType(), value, order.index,
                                    order.segments, group, undo);
}

/// Points every reader at rows in the order that it takes, and drops the traced permutations.
void OrderAssignment::apply() {
  for (Operation &op : llvm::make_early_inc_range(body)) {
    if (isa<RegroupOp>(op) && traced.contains(cast<RegroupOp>(op)))
      continue;
    for (OpOperand &operand : op.getOpOperands()) {
      Value root = resolve(operand.get());
      bool inWindows =
          moved.contains(&op) ? isRowOperand(operand) : tracedOrders.lookup(operand.get()) != 0;
      operand.set(inWindows == isMoved(root) ? root : permuted(root, /*inverse=*/!inWindows));
    }
  }
  for (RegroupOp regroup : llvm::reverse(traced))
    regroup.erase();
}

} // namespace

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
static SmallVector<WindowOrder> ordersOf(Block &body) {
  SmallVector<WindowOrder> orders;
  for (RegroupOp regroup : body.getOps<RegroupOp>())
    if (!llvm::is_contained(orders, orderOf(regroup)))
      orders.push_back(orderOf(regroup));
  return orders;
}

/// Hoists one order in one function when that leaves fewer permutations than there are.
static void hoist(func::FuncOp function, WindowOrder order, FusionReport &report) {
  Block &body = function.front();
  if (!isKnownOnEntry(order))
    return (void)report.missed(function, "a window order is computed inside the function");
  OrderAssignment assignment(body, order);
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
      if (function.getBody().hasOneBlock())
        for (WindowOrder order : ordersOf(function.front()))
          hoist(function, order, report);
  }
};

} // namespace
