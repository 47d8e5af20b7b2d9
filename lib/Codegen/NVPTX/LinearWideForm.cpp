#include "LinearManyRows.h"
#include "LinearWide.h"
#include "TensorCopy.h"

namespace mlir::qvl {
namespace {

/// The 132 multiprocessors of an H100 take two tiles of the grid as one wide tile: from then on all
/// of them have one. With fewer, more blocks of the smaller tile compute side by side.
constexpr int64_t kLeastTiles = 2 * 132;
constexpr int64_t kQuadElements = 8; // of 16 bytes

/// The input of a projection that boxes can copy; null for others.
Value boxInput(func::FuncOp kernel) {
  Operation *op = kernelOp(kernel);
  if (auto fused = dyn_cast<FusedLinearOp>(op))
    return fused.getLoadIndex() ? Value() : fused.getInput();
  return cast<LinearOp>(op).getInput();
}

Value weightOf(func::FuncOp kernel) {
  Operation *op = kernelOp(kernel);
  if (auto fused = dyn_cast<FusedLinearOp>(op))
    return fused.getWeight();
  return cast<LinearOp>(op).getWeight();
}

/// The scalar of a launch that is the first dimension of a tensor argument
/// (include/qvlfmt/KernelAbi.h).
int64_t rowScalar(func::FuncOp kernel, unsigned argument) {
  int64_t scalar = 0;
  for (Type type : kernel.getArgumentTypes().take_front(argument))
    if (auto tensor = dyn_cast<RankedTensorType>(type))
      scalar += tensor.getNumDynamicDims();
  return scalar;
}

/// Buffers are the arguments but for numbers.
int64_t bufferOf(func::FuncOp kernel, unsigned argument) {
  return llvm::count_if(kernel.getArgumentTypes().take_front(argument),
                        [](Type type) { return !type.isIndex(); });
}

TensorMapShape inputMap(func::FuncOp kernel, Value input) {
  unsigned argument = cast<BlockArgument>(input).getArgNumber();
  auto type = cast<RankedTensorType>(input.getType());
  return {.buffer = bufferOf(kernel, argument),
          .element = type.getElementType(),
          .sizes = {type.getDimSize(1), type.getDimSize(0)},
          .scalar = rowScalar(kernel, argument),
          .box = {kWideDepth, kWideRows},
          .swizzleBytes = kWideLineBytes};
}

/// Lines of 32 columns of two k.
TensorMapShape panelMap(func::FuncOp kernel, PanelAttr panel) {
  unsigned argument = cast<BlockArgument>(weightOf(kernel)).getArgNumber();
  int64_t lineElements = panel.getN() * panel.getKGroup();
  return {
      .buffer = bufferOf(kernel, argument),
      .element = panel.getElement(),
      .sizes = {lineElements, panel.getPadK() / panel.getKGroup(), panel.getPadN() / panel.getN()},
      .box = {lineElements, kWidePanelLines, kWidePanels},
      .swizzleBytes = kWideLineBytes};
}

} // namespace

std::optional<WideForm> linearWideForm(func::FuncOp kernel) {
  if (!isa_and_nonnull<LinearOp, FusedLinearOp>(kernelOp(kernel)))
    return std::nullopt;
  LinearTile tile = LinearTile::of(kernel);
  Value input = boxInput(kernel);
  if (tile.form != LinearForm::ManyRows || !isWarpgroupTile(tile) || !input)
    return std::nullopt;
  if (cast<RankedTensorType>(input.getType()).getDimSize(1) % kQuadElements != 0)
    return std::nullopt;
  return WideForm{.symbol = (kernel.getName() + "_wide").str(),
                  .leastTiles = kLeastTiles,
                  .sharedBytes = kWideStages * (kWideStageBytes + 2 * kBarrierBytes),
                  .maps = {inputMap(kernel, input), panelMap(kernel, linearPanel(kernel))}};
}

} // namespace mlir::qvl
