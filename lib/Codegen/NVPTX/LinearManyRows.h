// Projections of many rows: tiles that go through shared memory.
#pragma once

#include "BlockFrame.h"
#include "LinearPanels.h"

namespace mlir::qvl {

/// bf16 activations and panels: mma.sync. A column's sum takes k in the order of the instructions.
void emitTensorCoreTile(BlockFrame &frame, const Projection &projection, const LinearTile &tile);

/// The same by wgmma, for tiles that isWarpgroupTile() accepts.
bool isWarpgroupTile(const LinearTile &tile);
void emitWarpgroupTile(BlockFrame &frame, const Projection &projection, const LinearTile &tile);

/// Any elements: every sum is one chain of fused multiply-adds over ascending k from zero, as on
/// the CPU, bit for bit.
void emitFmaTile(BlockFrame &frame, const Projection &projection, const LinearTile &tile);

} // namespace mlir::qvl
