#include "qvl/Codegen/RowKernels.h"

#include "lib/Codegen/Emit/KernelFrame.h"
#include "lib/Codegen/Emit/Loops.h"
#include "lib/Codegen/Rows/RowEmitters.h"
#include "lib/Codegen/Rows/RowTensors.h"
#include "lib/Codegen/Rows/SingleWorker.h"

#include "llvm/ADT/TypeSwitch.h"

namespace mlir::qvl {

namespace {
/// The ops with an emitter.
template <typename... Ops> struct OpSet {
  static bool contains(Operation *op) { return isa<Ops...>(op); }
  static void emit(RowFrame &frame, Operation *op, Value row) {
    llvm::TypeSwitch<Operation *>(op).template Case<Ops...>(
        [&](auto rowOp) { emitRow(frame, rowOp, row); });
  }
};
using RowOps = OpSet<RmsNormOp, AddOp, MulOp, SiluOp, GeluOp, CastOp, RopeTableOp, RotateOp,
                     RopeQkOp, RopeAppendOp, EmbedOp, GatherRowsOp, MergeFeaturesOp, RegroupOp,
                     SplitHeadsOp, MergeRowsOp, CacheAppendOp>;

/// Weights are read in the stored forms that the emitters know.
LogicalResult checkStoredForms(func::FuncOp kernel, Operation *op) {
  if (auto norm = dyn_cast<RmsNormOp>(op);
      norm && !isa_and_nonnull<FlatAttr>(encodingOf(norm.getWeight())))
    return kernel.emitError("qvl.rms_norm needs a weight stored flat");
  auto embed = dyn_cast<EmbedOp>(op);
  auto panel = embed ? dyn_cast_or_null<PanelAttr>(encodingOf(embed.getTable())) : PanelAttr();
  if (embed && (!panel || panel.getInterleave() > 0))
    return kernel.emitError("qvl.embed needs a table in panels with its rows in order");
  return success();
}
} // namespace

bool isRowOp(Operation *op) { return RowOps::contains(op); }

void emitRowOf(RowFrame &frame, Operation *op, Value row) { RowOps::emit(frame, op, row); }

LogicalResult checkRowKernel(func::FuncOp kernel) {
  Operation *op = kernelOp(kernel);
  if (!isRowOp(op))
    return kernel.emitError() << "'" << op->getName() << "' does not work row by row";
  return checkStoredForms(kernel, op);
}

LogicalResult emitRowKernel(func::FuncOp kernel) {
  FailureOr<TileGrid> grid = tileGrid(kernel);
  if (failed(grid) || failed(checkRowKernel(kernel)))
    return failure();
  Operation *op = kernelOp(kernel);
  KernelFrame frame(kernel, *grid);
  SingleWorker worker(frame);
  frame.forEachTile([&](Value, Value rowBegin, Value rowEnd) {
    forLoop(frame.builder(), rowBegin, rowEnd, 1, [&](Value row) { emitRowOf(worker, op, row); });
  });
  frame.replaceKernel();
  return lowerRowTensors(frame.function(), Bf16Conversion::Integers);
}

} // namespace mlir::qvl
