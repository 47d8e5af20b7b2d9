// The function of a kernel in the calling convention of include/qvlfmt/KernelAbi.h, under
// construction.
#pragma once

#include "qvl/Codegen/TileGrid.h"
#include "qvlfmt/KernelAbi.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace mlir::qvl {

/// Creates the ABI function of a kernel function beside it and hands out what a body needs. Sizes,
/// bounds and numbers are of type index, memory is of type !llvm.ptr (buffers are row-major and
/// 64-byte aligned). Everything the frame loads lies at the start of the function and thus
/// dominates the body.
///
///   KernelFrame frame(kernel, grid);
///   frame.forEachTile([&](Value columnTile, Value rowBegin, Value rowEnd) { ... });
///   frame.replaceKernel();
class KernelFrame {
public:
  /// Appends the function to the module of `kernel`, under a name of its own until replaceKernel().
  KernelFrame(func::FuncOp kernel, const TileGrid &grid);

  /// Inserts into the body; moves with the region of the innermost open loop.
  ImplicitLocOpBuilder &builder() { return body; }
  func::FuncOp function() { return abiFunction; }

  /// The memory of a tensor, weight or cache argument of the kernel function.
  Value buffer(Value argument) const { return buffers.lookup(argument); }
  /// The memory of a tensor result of the kernel function (a cache result is its argument's
  /// memory).
  Value resultBuffer(unsigned result) const { return resultBuffers[result]; }
  /// The size of a dimension of a tensor argument; a constant when it is static.
  Value size(Value argument, unsigned dimension);
  /// The size of a dimension of a tensor result; a constant when it is static.
  Value resultSize(unsigned result, unsigned dimension);
  /// The value of an `index` argument of the kernel function.
  Value scalar(Value argument) const { return scalars.lookup(argument); }

  /// Scratch memory of the worker, 64-byte aligned.
  Value scratch();
  /// The number of the worker, from 0.
  Value worker();
  /// First tile of the call and the one behind its last.
  Value begin() const { return firstTile; }
  Value end() const { return lastTile; }

  /// The loop over the tiles of this call: `emit` is called once with the tile's number of columns
  /// and its rows [rowBegin, rowEnd), which are never empty.
  void forEachTile(llvm::function_ref<void(Value columnTile, Value rowBegin, Value rowEnd)> emit);

  /// Closes the function, erases the kernel function and takes its name.
  void replaceKernel();

private:
  Value loadScalar(int64_t position);
  Value contextField(Type type, int64_t byteOffset);
  void readArguments();

  func::FuncOp kernel;
  TileGrid grid;
  func::FuncOp abiFunction;
  ImplicitLocOpBuilder body;
  DenseMap<Value, Value> buffers;
  SmallVector<Value> resultBuffers;
  DenseMap<Value, Value> scalars;
  DenseMap<Value, SmallVector<Value>> sizes;
  SmallVector<SmallVector<Value>> resultSizes;
  Value firstTile, lastTile;
};

/// The stored form of a weight argument (#qvl.panel or #qvl.flat), or null.
Attribute encodingOf(Value argument);

} // namespace mlir::qvl
