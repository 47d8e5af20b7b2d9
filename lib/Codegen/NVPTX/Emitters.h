// Emitters of the op families on thread blocks: each replaces a kernel function with a function of
// BlockFrame's form, or fails with an error at the kernel function.
#pragma once

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace mlir::qvl {

LogicalResult emitBlockLinear(func::FuncOp kernel);
LogicalResult emitBlockFusedLinear(func::FuncOp kernel);
LogicalResult emitBlockAttention(func::FuncOp kernel);
LogicalResult emitBlockCachedAttention(func::FuncOp kernel);
LogicalResult emitBlockArgmax(func::FuncOp kernel);
LogicalResult emitBlockSample(func::FuncOp kernel);
LogicalResult emitBlockAttentionSplits(func::FuncOp kernel);
LogicalResult emitBlockMergeSplits(func::FuncOp kernel);
/// Every op that works row by row.
LogicalResult emitBlockRows(func::FuncOp kernel);

} // namespace mlir::qvl
