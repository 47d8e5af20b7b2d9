// Kernels with a body, and the objects that hold their code.
#pragma once

#include "dialects/qvlx/IR/Qvlx.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace qvl {

/// The kernel functions of a module whose code is to be generated, in order.
llvm::SmallVector<mlir::func::FuncOp> kernelFunctions(mlir::ModuleOp module);

/// Adds a `qvlx.object` named TARGET.FEATURE_SET, and .KIND where there is one, with the code of
/// `functions` to the end of the module.
void addObject(mlir::ModuleOp module, llvm::StringRef target, llvm::StringRef featureSet,
               llvm::ArrayRef<mlir::func::FuncOp> functions, llvm::StringRef code,
               llvm::StringRef kind = "");

} // namespace qvl
