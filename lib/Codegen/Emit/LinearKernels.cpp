// qvl.linear and qvl.fused_linear as projections.

#include "Emitters.h"
#include "Epilogue.h"
#include "Projection.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

namespace mlir::qvl {
namespace {

/// The stored forms that have an emitter: f32 singly, bf16 in pairs.
bool isSupportedPanel(PanelAttr panel) {
  bool singles = panel.getElement().isF32() && panel.getKGroup() == 1;
  bool pairs = panel.getElement().isBF16() && panel.getKGroup() == 2;
  return panel.getN() == kPanelColumns && (singles || pairs);
}

/// Rows of two weights come apart inside pairs of vectors, so a block of them must fit the
/// narrowest.
constexpr int64_t kMostInterleavedRows = 8;

/// The stored form of the weight operand, which holds `count` weights; null after an error at the
/// kernel function.
PanelAttr weightPanel(func::FuncOp kernel, Operation *op, Value weight, int64_t count) {
  auto panel = dyn_cast_or_null<PanelAttr>(encodingOf(weight));
  bool fits = panel && (panel.getInterleave() > 0) == (count == 2) &&
              panel.getInterleave() <= kMostInterleavedRows;
  if (fits && isSupportedPanel(panel))
    return panel;
  kernel.emitError() << op->getName() << " needs "
                     << (count == 2 ? "two weights interleaved by at most 8 rows" : "a weight")
                     << " in f32 panels of 32 rows or bf16 panels of 32 rows in pairs of k";
  return nullptr;
}

/// A vector is a stored parameter.
LogicalResult checkVector(func::FuncOp kernel, Operation *op, Value vector, StringRef role) {
  auto flat = dyn_cast_or_null<FlatAttr>(encodingOf(vector));
  if (flat && flat.getElement().isF32())
    return success();
  return kernel.emitError() << op->getName() << " needs its " << role << " stored flat in f32";
}

Projection plainProjection(const KernelOperands &operands, Value input, Value weight,
                           Value result) {
  auto columns = [](Value v) { return cast<RankedTensorType>(v.getType()).getDimSize(1); };
  return {columns(input),
          columns(result),
          cast<PanelAttr>(encodingOf(weight)),
          operands.buffer(input),
          operands.buffer(weight),
          operands.resultBuffer(0),
          getElementTypeOrSelf(input),
          getElementTypeOrSelf(result)};
}

RowMap rowMap(const KernelOperands &operands, Value index, std::optional<uint64_t> group) {
  return index ? RowMap{operands.buffer(index), static_cast<int64_t>(*group)} : RowMap();
}

LogicalResult checkOperands(func::FuncOp kernel, FusedLinearOp op) {
  for (Value operand : op.getEpilogueOperands())
    if (cast<RankedTensorType>(operand.getType()).getRank() == 1 &&
        failed(checkVector(kernel, op, operand, "vector operands")))
      return failure();
  return success();
}

Projection linearProjection(LinearOp op, const KernelOperands &operands) {
  Projection projection = plainProjection(operands, op.getInput(), op.getWeight(), op.getResult());
  if (op.getBias())
    projection.operands.push_back(
        {operands.buffer(op.getBias()), Float32Type::get(op.getContext()), /*perElement=*/false});
  projection.epilogue = [](ImplicitLocOpBuilder &b, ArrayRef<Value> x) -> Value {
    return x.size() == 1 ? x[0] : arith::AddFOp::create(b, x[0], x[1]);
  };
  return projection;
}

Projection fusedProjection(FusedLinearOp op, const KernelOperands &operands) {
  Projection projection = plainProjection(operands, op.getInput(), op.getWeight(), op.getResult());
  for (Value operand : op.getEpilogueOperands()) {
    bool perElement = cast<RankedTensorType>(operand.getType()).getRank() == 2;
    // Vectors are stored in f32, whatever their logical type.
    Type element = perElement ? getElementTypeOrSelf(operand) : Float32Type::get(op.getContext());
    projection.operands.push_back({operands.buffer(operand), element, perElement});
  }
  projection.load = rowMap(operands, op.getLoadIndex(), op.getLoadGroup());
  projection.store = rowMap(operands, op.getStoreIndex(), op.getStoreGroup());
  projection.epilogue = [op](ImplicitLocOpBuilder &b, ArrayRef<Value> arguments) {
    return emitEpilogue(b, op, arguments);
  };
  return projection;
}

LogicalResult emitKernel(func::FuncOp kernel, const TileTarget &target) {
  FailureOr<TileGrid> grid = tileGrid(kernel);
  if (failed(grid) || failed(checkProjection(kernel)))
    return failure();
  KernelFrame frame(kernel, *grid);
  emitProjection(frame, projectionOf(kernel, frame), target);
  frame.replaceKernel();
  return success();
}

} // namespace

LogicalResult checkProjection(func::FuncOp kernel) {
  Operation *op = kernelOp(kernel);
  if (auto fused = dyn_cast<FusedLinearOp>(op))
    return success(weightPanel(kernel, op, fused.getWeight(), fused.getWeightCount()) &&
                   succeeded(checkOperands(kernel, fused)) &&
                   succeeded(checkEpilogue(kernel, fused)));
  auto linear = cast<LinearOp>(op);
  return success(
      weightPanel(kernel, op, linear.getWeight(), 1) &&
      (!linear.getBias() || succeeded(checkVector(kernel, op, linear.getBias(), "bias"))));
}

Projection projectionOf(func::FuncOp kernel, const KernelOperands &operands) {
  Operation *op = kernelOp(kernel);
  if (auto fused = dyn_cast<FusedLinearOp>(op))
    return fusedProjection(fused, operands);
  return linearProjection(cast<LinearOp>(op), operands);
}

LogicalResult emitLinearKernel(func::FuncOp kernel, const TileTarget &target) {
  return emitKernel(kernel, target);
}

LogicalResult emitFusedLinearKernel(func::FuncOp kernel, const TileTarget &target) {
  return emitKernel(kernel, target);
}

} // namespace mlir::qvl
