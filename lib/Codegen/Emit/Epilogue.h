// Epilogue regions of fused projections on a register tile.
#pragma once

#include "dialects/qvl/IR/Qvl.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace mlir::qvl {

/// Whether every op of the epilogue works lane by lane. Emits an error at the kernel function for
/// the first that does not.
LogicalResult checkEpilogue(func::FuncOp kernel, FusedLinearOp op);

/// Clones the epilogue of `op` with one vector of f32 for each scalar argument and returns the
/// vector it yields. Ops keep their order and their operands, so a lane computes what the region
/// says about an element, bit for bit.
Value emitEpilogue(ImplicitLocOpBuilder &b, FusedLinearOp op, ArrayRef<Value> arguments);

} // namespace mlir::qvl
