// Kernels with a body, and the objects that hold their code.
#pragma once

#include "dialects/qvlx/IR/Qvlx.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace qvl {

/// The kernel functions of a module whose code is to be generated, in order.
llvm::SmallVector<mlir::func::FuncOp> kernelFunctions(mlir::ModuleOp module);

/// Adds a `qvlx.object` named TARGET.FEATURE_SET with the code of `functions`, and of `wide` forms
/// (#qvlx.wide_form) of some, to the end of the module.
void addObject(mlir::ModuleOp module, llvm::StringRef target, llvm::StringRef featureSet,
               llvm::ArrayRef<mlir::func::FuncOp> functions, llvm::StringRef code,
               llvm::ArrayRef<mlir::Attribute> wide = {});

} // namespace qvl
