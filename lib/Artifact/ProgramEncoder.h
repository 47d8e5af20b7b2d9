// One qvlx program as the tables of an artifact.
#pragma once

#include "dialects/qvlx/IR/Qvlx.h"

#include "qvlfmt/artifact_generated.h"

#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/StringMap.h"

namespace qvl {

/// The element type of the artifact; an error at `op` when it has none.
mlir::FailureOr<qvlfmt::ElementType> encodeElement(mlir::Operation *op, mlir::Type type);

/// Numbers the buffers, sizes and commands of a program in the order of its ops.
class ProgramEncoder {
public:
  /// `kernels` and `weights` number the symbols that launches and weight buffers refer to.
  ProgramEncoder(const llvm::StringMap<uint32_t> &kernels, const llvm::StringMap<uint32_t> &weights)
      : kernels(kernels), weights(weights) {}

  mlir::FailureOr<std::unique_ptr<qvlfmt::ProgramT>> encode(mlir::qvlx::ProgramOp program);

private:
  mlir::LogicalResult encodeArguments(mlir::qvlx::ProgramOp program);
  mlir::LogicalResult encodeOp(mlir::Operation *op);
  mlir::LogicalResult encodeLaunch(mlir::qvlx::LaunchOp op);
  void encodeReturn(mlir::qvlx::ReturnOp op);

  /// Adds a buffer of the value's type, with `sizes` for its dynamic dimensions.
  mlir::FailureOr<qvlfmt::BufferT *> addBuffer(mlir::Operation *op, mlir::Value value,
                                               qvlfmt::BufferKind kind, mlir::ValueRange sizes);
  uint32_t addSize(qvlfmt::SizeOp kind, uint32_t lhs, uint32_t rhs, int64_t value);
  uint32_t constantSize(int64_t value);
  qvlfmt::CommandT &addCommand(mlir::Operation *op, qvlfmt::CommandKind kind);
  /// The number of a buffer that the current command touches; widens the life of the memory behind
  /// it.
  uint32_t use(mlir::Value buffer);
  /// Widens the life of the transient memory behind buffer `number` to command `command`.
  void touch(uint32_t number, uint32_t command);

  const llvm::StringMap<uint32_t> &kernels, &weights;
  std::unique_ptr<qvlfmt::ProgramT> table;
  llvm::DenseMap<mlir::Value, uint32_t> buffers, sizes;
  llvm::DenseMap<int64_t, uint32_t> constants;
};

} // namespace qvl
