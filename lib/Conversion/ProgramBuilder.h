// Builds one qvlx program from one function of qvl ops.
#pragma once

#include "KernelTable.h"

namespace qvl {

/// Converts the ops of a traced function, in order, into commands of a program.
class ProgramBuilder {
public:
  /// `fewRows`: launches of the program have few rows, a token or so for each sequence.
  ProgramBuilder(KernelTable &kernels, mlir::func::FuncOp function, bool fewRows)
      : kernels(kernels), function(function), fewRows(fewRows), builder(function) {}

  /// Makes the program `name` behind the function; null after a diagnostic.
  mlir::qvlx::ProgramOp build(llvm::StringRef name);

private:
  /// What a qvl value became: its buffer and, for each dimension, its size (an index value; null
  /// for a static dimension).
  struct Placed {
    mlir::Value buffer;
    llvm::SmallVector<mlir::Value> sizes;
  };
  /// What a launch passes to its kernel.
  struct LaunchOperands {
    llvm::SmallVector<mlir::Value> inputs, outputs, sizes, indices;
  };

  /// Fails with a diagnostic unless the function is one block on tensors and caches.
  mlir::LogicalResult checkSignature();
  mlir::qvlx::ProgramOp createProgram(llvm::StringRef name);
  void placeArguments(mlir::Block &body);
  mlir::LogicalResult convert(mlir::Operation *op);
  /// Fails with a diagnostic when `op` reads a cache as it was before an append.
  mlir::LogicalResult checkCaches(mlir::Operation *op);
  mlir::LogicalResult convertReturn(mlir::func::ReturnOp op);
  mlir::LogicalResult convertLaunch(mlir::Operation *op);
  mlir::LogicalResult convertView(mlir::Operation *op);

  /// The operands of `op` as those of its launch.
  mlir::LogicalResult passOperands(mlir::Operation *op, LaunchOperands &launch);
  /// The results of `op` in new buffers; a cache stays in its own.
  void placeResults(mlir::Operation *op, llvm::ArrayRef<Placed> sizes, LaunchOperands &launch);
  /// Sizes of the results of `op` as values of the program.
  mlir::FailureOr<llvm::SmallVector<Placed>> reifySizes(mlir::Operation *op);
  /// An index value of the function (tensor.dim and arithmetic on it) as a value of the program;
  /// null when it is of another kind.
  mlir::Value translateSize(mlir::Value size);
  mlir::Value constant(int64_t value);
  /// The size of one dimension of a placed tensor.
  mlir::Value sizeOf(mlir::Value tensor, int64_t dimension);
  /// The sizes of the dynamic dimensions of `placed`.
  static llvm::SmallVector<mlir::Value> dynamicSizes(const Placed &placed);

  KernelTable &kernels;
  mlir::func::FuncOp function;
  bool fewRows;
  mlir::OpBuilder builder; // stands in the program once there is one
  llvm::DenseMap<mlir::Value, Placed> placed;
  llvm::DenseMap<mlir::Value, mlir::Value> caches;  // a cache's buffer: its value as of now
  llvm::DenseMap<mlir::Value, mlir::Value> scalars; // index values of the function
};

/// The buffer that holds a value of this type. A cache is a pool of pages.
mlir::qvlx::BufferType bufferTypeOf(mlir::Type type);

} // namespace qvl
