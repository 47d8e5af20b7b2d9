// qvl.cached_attention for few rows.
#pragma once

#include "AttentionTiles.h"
#include "qvl/Codegen/TileGrid.h"

namespace mlir::qvl {

/// Replaces the kernel function of `op` by blocks of one row and the query heads of one key head.
void emitDecodeAttention(func::FuncOp kernel, CachedAttentionOp op, const TileGrid &grid);

} // namespace mlir::qvl
