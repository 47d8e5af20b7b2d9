// The wide form of a projection of many rows (qvl/Codegen/NVPTX.h): a tile of 128 rows and eight
// panels whose operands one warpgroup copies in boxes, for two that compute (sm_90a).
//
// Shared memory is a ring of stages, in each of which the rows of the input come first, in lines of
// 64 k, and then the panels, one behind the other, and behind the ring two barriers for each stage.
// Every line has 128 bytes, in which the copies exchange quads: quad q of line l lies at q ^ (l mod
// 8).
#pragma once

#include "qvl/Codegen/NVPTX.h"

namespace mlir::qvl {

inline constexpr int64_t kWideRows = 128;
inline constexpr int64_t kWidePanels = 8; // a warp computes each
inline constexpr int64_t kWideDepth = 64; // values of k in a stage
inline constexpr int64_t kWideStages = 4;

inline constexpr int64_t kWideLineBytes = 128;
inline constexpr int64_t kWidePanelLines = kWideDepth / 2; // a line of a panel has two k
inline constexpr int64_t kWideInputBytes = kWideRows * kWideLineBytes;
inline constexpr int64_t kWidePanelBytes = kWidePanelLines * kWideLineBytes;
inline constexpr int64_t kWideStageBytes = kWideInputBytes + kWidePanels * kWidePanelBytes;

/// The tensor maps of a wide form, in order.
enum WideMap : unsigned { kWideInputMap, kWidePanelMap, kWideMaps };

/// The wide form of the kernel function of a qvl.linear or qvl.fused_linear; none of other ops, and
/// where the tile is not one for warpgroups (few rows, few columns, f32), with a load map (no box
/// has gathered rows), and with rows that are no multiple of 16 bytes.
std::optional<WideForm> linearWideForm(func::FuncOp kernel);

/// Emits the function of that form.
LogicalResult emitWideLinear(func::FuncOp kernel);

} // namespace mlir::qvl
