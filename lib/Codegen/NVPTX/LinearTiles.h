// How thread blocks share a projection: the form of the computation and the sizes of its tiles.
#pragma once

#include "dialects/qvl/IR/Qvl.h"
#include "qvl/Codegen/TileGrid.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

#include <cstdint>

namespace mlir::qvl {

/// The computations of a projection on a GPU.
enum class LinearForm {
  ManyRows,    // bf16 activations and panels: matrix instructions on tiles in shared memory
  ManyRowsFma, // anything in f32: one chain of fused multiply-adds an element
  FewRows,     // bf16 at the speed of reading the weights: matrix instructions, warps split k
  FewRowsFma,  // the same with multiply-adds
};

/// The tile of a thread block.
struct LinearTile {
  LinearForm form;
  int64_t panels;  // of 32 columns of the weight; two weights share each
  int64_t columns; // of the result
  int64_t rows;
  int64_t threads;
  int64_t sharedBytes;

  /// The tile of a kernel function of one qvl.linear or qvl.fused_linear. It depends on the op, on
  /// static sizes, on the stored form of the weights and on kFewRowsAttr alone.
  static LinearTile of(func::FuncOp kernel);
};

/// The stored form of the weight of such a kernel function; null when it is not in panels.
PanelAttr linearPanel(func::FuncOp kernel);

// ---------------------------------------------------------------- shared memory of many rows

/// A row of the input in one stage: 32 bf16 or 16 f32.
inline constexpr int64_t kStageRowBytes = 64;
/// A line of a panel: 32 columns of one k in f32 or of two k in bf16.
inline constexpr int64_t kPanelLineBytes = 128;
/// The unit of copies and of swizzles.
inline constexpr int64_t kQuadBytes = 16;

/// The parts of one stage of the pipeline over k.
struct LinearStage {
  int64_t depth;      // values of k
  int64_t lines;      // of each panel: kGroup values of k each
  int64_t inputBytes; // [rows][kStageRowBytes]
  int64_t panelBytes; // [lines][kPanelLineBytes], for each panel

  static LinearStage of(const LinearTile &tile, Type inputElement, int64_t kGroup);
  int64_t bytes(const LinearTile &tile) const { return inputBytes + tile.panels * panelBytes; }
};

/// Stages: the copies of all but one are under way while one is computed.
inline constexpr int64_t kLinearStages = 4;

// ---------------------------------------------------------------- shared memory of few rows

/// Rows of a tile of few rows: the columns of a matrix instruction.
inline constexpr int64_t kFewRows = 8;
/// Warps that split k.
inline constexpr int64_t kFewRowsWarps = 8;
/// f32 of a row of a warp's sums of one panel, padded so that the rows that neighbouring lanes
/// write start in different banks.
inline constexpr int64_t kPartialRow = 36;

} // namespace mlir::qvl
