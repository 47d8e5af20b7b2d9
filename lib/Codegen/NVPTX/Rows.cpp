// Ops that work row by row, on thread blocks: a warp takes a row.

#include "Emitters.h"

namespace mlir::qvl {

LogicalResult emitBlockRows(func::FuncOp kernel) {
  return kernel.emitError("no code generation for GPUs");
}

} // namespace mlir::qvl
