// Emitters of the op families with register tiles: each replaces a kernel function with its ABI
// function, or fails with an error at the kernel function.
#pragma once

#include "qvl/Codegen/TileTarget.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace mlir::qvl {

LogicalResult emitLinearKernel(func::FuncOp kernel, const TileTarget &target);
LogicalResult emitFusedLinearKernel(func::FuncOp kernel, const TileTarget &target);
LogicalResult emitAttentionKernel(func::FuncOp kernel, const TileTarget &target);
LogicalResult emitCachedAttentionKernel(func::FuncOp kernel, const TileTarget &target);

} // namespace mlir::qvl
