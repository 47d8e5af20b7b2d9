// The grid of a kernel: which tiles it is cut into and what one worker needs to compute a tile.
#pragma once

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Support/LLVM.h"

#include <cstdint>
#include <optional>

namespace mlir::qvl {

class CachedAttentionOp;

/// A one-dimensional grid over rows and columns. With `rows` the size of dimension `rowDimension`
/// of argument `rowArgument`, there are `rowTiles = ceildiv(rows, rowsPerTile)` tiles of rows and
/// `rowTiles * columnTiles` tiles in all. Tile `t` covers tile of columns `t / rowTiles` (panels of
/// a weight, heads) and tile of rows `t % rowTiles`, so neighbouring tiles share weights. The grid
/// does not depend on the feature set, but on the kind of target: a tile is the work of one call on
/// a CPU and of one thread block on a GPU.
struct TileGrid {
  unsigned rowArgument;
  unsigned rowDimension;
  int64_t rowsPerTile;
  int64_t columnTiles;
};

/// The kinds of targets, one device of the runtime each.
enum class TargetKind { Cpu, Cuda };
/// The name in artifacts and options: "cpu", "cuda".
StringRef nameOf(TargetKind target);
/// The kind of that name.
std::optional<TargetKind> targetKindNamed(StringRef name);

/// Unit attribute of a kernel function that is written for few rows: a decode step on a GPU.
inline constexpr llvm::StringLiteral kFewRowsAttr = "qvl.few_rows";

/// Columns of a weight panel, and panels in one tile of a projection.
inline constexpr int64_t kPanelColumns = 32;
inline constexpr int64_t kPanelsPerTile = 4;

/// The op that a kernel function wraps: its body is one qvl op and the return of its results. Null
/// when the body has another form.
Operation *kernelOp(func::FuncOp kernel);

/// The grid of a kernel function. Fails with an error at the function when its body is not one qvl
/// op on the function's arguments, or when the op has no code generation. Weights need their
/// `qvl.encoding`.
FailureOr<TileGrid> tileGrid(func::FuncOp kernel, TargetKind target = TargetKind::Cpu);

/// In how many splits (qvl.cached_attention_splits) the keys of a row go to blocks of a GPU when
/// rows are few and a sequence has at most `maxContext` tokens, 0 for any number.
int64_t keySplits(CachedAttentionOp op, int64_t maxContext);

/// Bytes of scratch memory that one worker lends to a kernel, the same for every feature set: on a
/// GPU the dynamic shared memory of a block.
int64_t scratchBytes(func::FuncOp kernel, TargetKind target = TargetKind::Cpu);

} // namespace mlir::qvl
