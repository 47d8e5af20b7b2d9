// Kernels of the ops that work row by row: everything but projections and attention.
#pragma once

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Support/LLVM.h"

namespace mlir::qvl {

/// Registers the dialects and the interface implementations that the lowering of row kernels needs:
/// add them to the registry of the context that holds the kernels.
void registerRowKernelDialects(DialectRegistry &registry);

/// Whether emitRowKernel has an emitter for `op`.
bool isRowOp(Operation *op);

/// Replaces a kernel function (one row op; see TileGrid.h) by a function of its name in the
/// convention of include/qvlfmt/KernelAbi.h. What is left is arith, math, scf, ub, vector and llvm,
/// and `memref` only as vector.load and vector.store of row memory behind a cast of a descriptor,
/// which finalize-memref-to-llvm and reconcile-unrealized-casts resolve. It is the same for every
/// target.
///
/// Rows are the dynamic dimension; inside a row every size is static, taken in chunks of vectors
/// and an exact tail of smaller ones, so nothing outside the row is touched. No memory is
/// allocated. An element's order of operations depends on nothing but the op and its static sizes.
/// Fails with an error at the kernel function.
LogicalResult emitRowKernel(func::FuncOp kernel);

} // namespace mlir::qvl
