// What every function of a kernel under construction hands out: memory, sizes and numbers.
#pragma once

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace mlir::qvl {

/// The operands of a kernel function as values of the function that replaces it. Sizes and numbers
/// are of type index; memory is a pointer to a row-major buffer, aligned to 64 bytes or more.
class KernelOperands {
public:
  /// Inserts into the body; moves with the region of the innermost open loop.
  ImplicitLocOpBuilder &builder() { return body; }

  /// The memory of a tensor, weight or cache argument of the kernel function.
  Value buffer(Value argument) const { return buffers.lookup(argument); }
  /// The memory of a tensor result of the kernel function (a cache result is its argument's
  /// memory).
  Value resultBuffer(unsigned result) const { return resultBuffers[result]; }
  /// The size of a dimension of a tensor argument; a constant when it is static.
  Value size(Value argument, unsigned dimension) const { return sizes.lookup(argument)[dimension]; }
  /// The size of a dimension of a tensor result; a constant when it is static.
  Value resultSize(unsigned result, unsigned dimension) const {
    return resultSizes[result][dimension];
  }
  /// The value of an `index` argument of the kernel function.
  Value scalar(Value argument) const { return scalars.lookup(argument); }

protected:
  explicit KernelOperands(func::FuncOp kernel)
      : kernel(kernel), body(kernel.getLoc(), kernel.getContext()) {}

  /// Reads every operand at the builder's place. `nextBuffer` and `nextScalar` are called in the
  /// order of the calling convention (include/qvlfmt/KernelAbi.h); scalars are of type index.
  void readOperands(llvm::function_ref<Value()> nextBuffer, llvm::function_ref<Value()> nextScalar);
  /// Erases the kernel function and gives its name to `replacement`.
  void replaceKernelBy(func::FuncOp replacement);

  func::FuncOp kernel;
  ImplicitLocOpBuilder body;

private:
  DenseMap<Value, Value> buffers;
  SmallVector<Value> resultBuffers;
  DenseMap<Value, Value> scalars;
  DenseMap<Value, SmallVector<Value>> sizes;
  SmallVector<SmallVector<Value>> resultSizes;
};

/// The stored form of a weight argument (#qvl.panel or #qvl.flat), or null.
Attribute encodingOf(Value argument);

} // namespace mlir::qvl
