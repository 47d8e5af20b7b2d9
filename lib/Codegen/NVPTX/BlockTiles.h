// Tiles of thread blocks, for every family of kernels.
#pragma once

#include "mlir/Dialect/Func/IR/FuncOps.h"

#include <cstdint>

namespace mlir::qvl {

/// Warps of a block of a row kernel, each of which takes a row.
inline constexpr int64_t kRowWarps = 4;

/// The tile of one thread block: `rows` of the grid's rows, and the tiles of columns of the whole
/// kernel.
struct BlockTile {
  int64_t rows;
  int64_t columnTiles;
  int64_t threads;
  int64_t sharedBytes; // dynamic

  /// Depends on the op, on static sizes and encodings, and on kFewRowsAttr alone.
  static BlockTile of(func::FuncOp kernel);
};

/// Unit attribute of a kernel function that is compiled for a chip with matrix instructions of
/// warpgroups. Tiles are the same with and without.
inline constexpr llvm::StringLiteral kWarpgroupsAttr = "qvl.warpgroups";
/// Unit attribute of a kernel function that is compiled in its wide form (qvl/Codegen/NVPTX.h).
inline constexpr llvm::StringLiteral kWideAttr = "qvl.wide";

} // namespace mlir::qvl
