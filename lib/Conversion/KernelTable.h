// The distinct kernels of a module under outlining.
#pragma once

#include "dialects/qvl/IR/Qvl.h"
#include "dialects/qvlx/IR/Qvlx.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

#include "llvm/ADT/StringMap.h"

namespace qvl {

/// Makes a `qvlx.kernel` for each distinct compute op and finds it again for equal ones.
class KernelTable {
public:
  /// Kernels are inserted where `builder` stands.
  explicit KernelTable(mlir::OpBuilder builder) : builder(builder) {}

  /// The kernel that runs `op`; null after a diagnostic when the op has none.
  mlir::qvlx::KernelOp lookupOrCreate(mlir::Operation *op);

  unsigned size() const { return kernels.size(); }

private:
  /// A function whose body is `op` on its own arguments. Weight arguments carry their encoding.
  mlir::func::FuncOp cloneIntoFunction(mlir::Operation *op, llvm::StringRef name);
  std::string uniqueName(mlir::Operation *op);

  mlir::OpBuilder builder;
  llvm::StringMap<mlir::qvlx::KernelOp> kernels; // by the printed function
  llvm::StringMap<unsigned> names;
};

} // namespace qvl
