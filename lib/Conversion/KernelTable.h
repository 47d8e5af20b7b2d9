// The distinct kernels of a module under outlining.
#pragma once

#include "dialects/qvl/IR/Qvl.h"
#include "dialects/qvlx/IR/Qvlx.h"
#include "qvl/Codegen/TileGrid.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

#include "llvm/ADT/StringMap.h"

namespace qvl {

/// Makes a `qvlx.kernel` for each distinct compute op and finds it again for equal ones.
class KernelTable {
public:
  /// Kernels are inserted at the start of `block`, in the order in which they are met.
  KernelTable(mlir::Block *block, mlir::qvl::TargetKind target)
      : block(block), target(target), builder(block->getParentOp()->getContext()) {}

  /// The kernel that runs `op`; null after a diagnostic when the op has none. With `fewRows`, the
  /// form for few rows where the target has one.
  mlir::qvlx::KernelOp lookupOrCreate(mlir::Operation *op, bool fewRows);

  mlir::qvl::TargetKind targetKind() const { return target; }

  unsigned size() const { return kernels.size(); }

private:
  /// A function whose body is `op` on its own arguments. Weight arguments carry their encoding.
  mlir::func::FuncOp cloneIntoFunction(mlir::Operation *op, llvm::StringRef name);
  std::string uniqueName(mlir::Operation *op, bool fewRows);

  mlir::Block *block;
  mlir::qvl::TargetKind target;
  mlir::OpBuilder builder;
  mlir::qvlx::KernelOp last;                     // the next one goes behind it
  llvm::StringMap<mlir::qvlx::KernelOp> kernels; // by the printed function
  llvm::StringMap<unsigned> names;
};

} // namespace qvl
