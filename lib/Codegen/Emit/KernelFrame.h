// The function of a kernel in the calling convention of include/qvlfmt/KernelAbi.h, under
// construction.
#pragma once

#include "KernelOperands.h"
#include "qvl/Codegen/TileGrid.h"
#include "qvlfmt/KernelAbi.h"

namespace mlir::qvl {

/// Creates the ABI function of a kernel function beside it and hands out what a body needs. Bounds
/// are of type index, memory is of type !llvm.ptr. Everything the frame loads lies at the start of
/// the function and thus dominates the body.
///
///   KernelFrame frame(kernel, grid);
///   frame.forEachTile([&](Value columnTile, Value rowBegin, Value rowEnd) { ... });
///   frame.replaceKernel();
class KernelFrame : public KernelOperands {
public:
  /// Appends the function to the module of `kernel`, under a name of its own until replaceKernel().
  KernelFrame(func::FuncOp kernel, const TileGrid &grid);

  func::FuncOp function() { return abiFunction; }

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

  TileGrid grid;
  func::FuncOp abiFunction;
  Value firstTile, lastTile;
};

} // namespace mlir::qvl
