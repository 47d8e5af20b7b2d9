// Kernels with a body, and the objects that hold their code.
#pragma once

#include "dialects/qvlx/IR/Qvlx.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace qvl {

/// The kernel functions of a module whose code is to be generated, in order.
llvm::SmallVector<mlir::func::FuncOp> kernelFunctions(mlir::ModuleOp module);

/// Code of kernel functions for one feature set of a target.
struct KernelCode {
  llvm::StringRef target, featureSet, bytes;
  llvm::StringRef kind = "";                 ///< sets it apart from other code for the feature set
  llvm::ArrayRef<mlir::Attribute> wide = {}; ///< #qvlx.wide_form of some of the kernels
};

/// Adds a `qvlx.object` named TARGET.FEATURE_SET, and .KIND where there is one, with the code of
/// `functions` to the end of the module.
void addObject(mlir::ModuleOp module, llvm::ArrayRef<mlir::func::FuncOp> functions,
               const KernelCode &code);

} // namespace qvl
