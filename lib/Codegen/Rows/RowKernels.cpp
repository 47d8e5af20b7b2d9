#include "qvl/Codegen/RowKernels.h"

#include "lib/Codegen/Rows/RowEmitters.h"
#include "lib/Codegen/Rows/RowLoops.h"
#include "lib/Codegen/Rows/RowTensors.h"

#include "llvm/ADT/TypeSwitch.h"

namespace mlir::qvl {

namespace {
/// The ops with an emitter.
template <typename... Ops> struct OpSet {
  static bool contains(Operation *op) { return isa<Ops...>(op); }
  static void emit(KernelFrame &frame, Operation *op, Value row) {
    llvm::TypeSwitch<Operation *>(op).template Case<Ops...>(
        [&](auto rowOp) { emitRow(frame, rowOp, row); });
  }
};
using RowOps =
    OpSet<RmsNormOp, AddOp, MulOp, SiluOp, GeluOp, CastOp, RopeTableOp, RotateOp, EmbedOp,
          GatherRowsOp, MergeFeaturesOp, RegroupOp, SplitHeadsOp, MergeRowsOp, CacheAppendOp>;
} // namespace

bool isRowOp(Operation *op) { return RowOps::contains(op); }

LogicalResult emitRowKernel(func::FuncOp kernel) {
  FailureOr<TileGrid> grid = tileGrid(kernel);
  if (failed(grid))
    return failure();
  Operation *op = kernelOp(kernel);
  if (!isRowOp(op))
    return kernel.emitError() << "'" << op->getName() << "' does not work row by row";
  KernelFrame frame(kernel, *grid);
  frame.forEachTile([&](Value, Value rowBegin, Value rowEnd) {
    forEach(frame.builder(), rowBegin, rowEnd, [&](Value row) { RowOps::emit(frame, op, row); });
  });
  frame.replaceKernel();
  return lowerRowTensors(frame.function());
}

} // namespace mlir::qvl
