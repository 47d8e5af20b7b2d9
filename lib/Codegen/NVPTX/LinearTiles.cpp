#include "LinearTiles.h"

#include "LinearPanels.h"
#include "qvl/Codegen/TileGrid.h"

#include "llvm/ADT/TypeSwitch.h"

namespace mlir::qvl {
namespace {

/// Columns of panels from which on a tile is large: below, small tiles give more blocks.
constexpr int64_t kLargeColumns = 1024;

std::pair<Value, Value> inputAndWeight(Operation *op) {
  if (auto fused = dyn_cast<FusedLinearOp>(op))
    return {fused.getInput(), fused.getWeight()};
  auto linear = cast<LinearOp>(op);
  return {linear.getInput(), linear.getWeight()};
}

LinearForm formOf(func::FuncOp kernel, bool isBf16) {
  if (kernel->hasAttr(kFewRowsAttr))
    return isBf16 ? LinearForm::FewRows : LinearForm::FewRowsFma;
  return isBf16 ? LinearForm::ManyRows : LinearForm::ManyRowsFma;
}

} // namespace

LinearStage LinearStage::of(const LinearTile &tile, Type inputElement, int64_t kGroup) {
  int64_t depth = kStageRowBytes * 8 / inputElement.getIntOrFloatBitWidth();
  int64_t lines = depth / kGroup;
  return {depth, lines, tile.rows * kStageRowBytes, lines * kPanelLineBytes};
}

PanelAttr linearPanel(func::FuncOp kernel) {
  return dyn_cast_or_null<PanelAttr>(encodingOf(inputAndWeight(kernelOp(kernel)).second));
}

LinearTile LinearTile::of(func::FuncOp kernel) {
  auto [input, weight] = inputAndWeight(kernelOp(kernel));
  PanelAttr panel =
      linearPanel(kernel); // Emission refuses other forms; the grid has to be something.
  bool isBf16 = panel && panel.getElement().isBF16();
  Type element = getElementTypeOrSelf(input);
  LinearTile tile{formOf(kernel, element.isBF16() && isBf16), 2, 0, 64, 128, 0};
  if (tile.form == LinearForm::ManyRows) {
    bool isLarge = cast<RankedTensorType>(weight.getType()).getDimSize(0) >= kLargeColumns;
    tile.rows = isLarge ? 128 : 64;
    tile.panels = isLarge ? 4 : 2;
  } else if (tile.form != LinearForm::ManyRowsFma) {
    tile.rows = kFewRows;
    tile.panels = 1;
    tile.threads = 32 * kFewRowsWarps;
  }
  tile.columns = tile.panels * PanelColumns(panel).perPanel();
  tile.sharedBytes = kLinearStages * LinearStage::of(tile, element, isBf16 ? 2 : 1).bytes(tile);
  if (tile.rows == kFewRows)
    tile.sharedBytes = kFewRowsWarps * kFewRows * kPartialRow * 4;
  return tile;
}

} // namespace mlir::qvl
