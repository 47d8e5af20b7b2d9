// What the forms of projections on warpgroups share: the weights are the A operand of wgmma, in
// registers, and a warp has one panel in two instructions of 16 of its columns each.
#pragma once

#include "BlockFrame.h"
#include "LinearPanels.h"

namespace mlir::qvl {

/// Instructions for the columns of a panel.
inline constexpr int64_t kWarpgroupParts = 2;
/// k of an instruction.
inline constexpr int64_t kWarpgroupDepth = 16;

/// Neighbouring columns of the result that a lane holds in every one of its rows.
inline int64_t laneColumns(const PanelColumns &columns) { return 4 / columns.weights(); }

/// Stores the sums of a lane: those of part p from kWarpgroupSums · p on, of the columns from
/// `firstColumn` of the result on, in the order of startMultiplyAdd(). The rows are those of the
/// frame's tile.
void storeWarpgroupSums(BlockFrame &frame, const Projection &projection, ArrayRef<Value> sums,
                        Value firstColumn);

} // namespace mlir::qvl
