// The function of a kernel on NVIDIA GPUs, under construction.
#pragma once

#include "lib/Codegen/Emit/KernelOperands.h"
#include "qvl/Codegen/TileGrid.h"

namespace mlir::qvl {

/// The kernel function of one thread block: block `t` of a one-dimensional grid computes tile `t`
/// of the kernel's grid. Its parameters are one pointer per buffer and then one i64 per scalar, in
/// the order of include/qvlfmt/KernelAbi.h. Bounds and numbers are of type index, global memory is
/// !llvm.ptr<1>, shared memory !llvm.ptr<3>. Everything the frame hands out lies at the start of
/// the function and thus dominates the body.
///
///   BlockFrame frame(kernel, grid, 128);
///   ...
///   frame.replaceKernel();
class BlockFrame : public KernelOperands {
public:
  /// Appends the function to the module of `kernel`, under a name of its own until replaceKernel().
  /// A launch has `threads` threads a block, a multiple of the warp. `tensorMaps` more parameters
  /// are tensor maps by value, behind the others.
  BlockFrame(func::FuncOp kernel, const TileGrid &grid, int64_t threads, unsigned tensorMaps = 0);

  func::FuncOp function() { return blockFunction; }

  /// The tile of this block: its number of columns and its rows [rowBegin, rowEnd), which are never
  /// empty.
  Value columnTile() const { return column; }
  Value rowBegin() const { return firstRow; }
  Value rowEnd() const { return lastRow; }

  /// The thread in its block, the lane in its warp and the warp in its block.
  Value thread() const { return threadNumber; }
  Value lane() const { return laneNumber; }
  Value warp() const { return warpNumber; }

  /// The address (!llvm.ptr) of a tensor map among the parameters.
  Value tensorMap(unsigned number);
  /// Dynamic shared memory from `byteOffset` on; it begins at a multiple of 1024 bytes and has
  /// scratchBytes() of the kernel.
  Value shared(int64_t byteOffset = 0);
  /// A table of constants in global memory.
  Value constants(ArrayRef<float> values);
  /// All threads of the block meet; their writes to memory are seen by each other behind it.
  void barrier();

  /// Closes the function, erases the kernel function and takes its name.
  void replaceKernel();

private:
  void readParameters();
  void findTile(const TileGrid &grid);
  Value asIndex(Value i32);
  /// The address of a new global variable of the kernel's module, taken at the start of the
  /// function.
  Value createGlobal(StringRef name, Type type, Attribute value, uint64_t alignment,
                     unsigned space);

  func::FuncOp blockFunction;
  unsigned tensorMaps;
  Value column, firstRow, lastRow, threadNumber, laneNumber, warpNumber, sharedMemory;
  unsigned tables = 0;
};

/// Threads of a warp.
inline constexpr int64_t kWarpLanes = 32;

/// On a function that replaced a kernel: the threads of a block.
inline constexpr llvm::StringLiteral kThreadsAttr = "qvl.threads";

} // namespace mlir::qvl
