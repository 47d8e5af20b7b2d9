#include "qvl/Codegen/TileGrid.h"

#include "Emit/AttentionTiles.h"
#include "NVPTX/BlockTiles.h"
#include "dialects/qvl/IR/Qvl.h"

#include "llvm/ADT/TypeSwitch.h"

namespace mlir::qvl {
namespace {

constexpr int64_t kLinearRows = 64; // a block of activations that stays in the L2 cache
constexpr int64_t kElementwiseRows = 16;

/// The grid of an op without the argument, which gridRows() knows.
struct TileShape {
  Value rows;
  unsigned dimension = 0;
  int64_t rowsPerTile = kElementwiseRows;
  int64_t columnTiles = 1;
};

int64_t linearColumnTiles(Value weight) {
  int64_t columns = cast<RankedTensorType>(weight.getType()).getDimSize(0);
  return llvm::divideCeil(llvm::divideCeil(columns, kPanelColumns), kPanelsPerTile);
}

std::optional<TileShape> tileShape(Operation *op, TargetKind target) {
  using Shape = std::optional<TileShape>;
  return llvm::TypeSwitch<Operation *, Shape>(op)
      .Case([](LinearOp op) -> Shape {
        return TileShape{op.getInput(), 0, kLinearRows, linearColumnTiles(op.getWeight())};
      })
      .Case([](FusedLinearOp op) -> Shape {
        return TileShape{op.getInput(), 0, kLinearRows, linearColumnTiles(op.getWeight())};
      })
      .Case([](AttentionOp op) -> Shape {
        return TileShape{op.getQuery(), 0, kAttentionRows, op.getQuery().getType().getDimSize(1)};
      })
      .Case([](CachedAttentionOp op) -> Shape {
        return TileShape{op.getQuery(), 0, kCachedAttentionRows,
                         op.getCache().getType().getKvHeads()};
      })
      .Case([](CacheAppendOp op) -> Shape { return TileShape{op.getKey()}; })
      .Case([](EmbedOp op) -> Shape { return TileShape{op.getIds()}; })
      .Case([](GatherRowsOp op) -> Shape { return TileShape{op.getRows()}; })
      .Case([](MergeFeaturesOp op) -> Shape { return TileShape{op.getEmbeddings()}; })
      .Case([](RopeTableOp op) -> Shape { return TileShape{op.getPositions(), 1}; })
      .Case<ArgmaxOp, SampleOp>([](auto op) -> Shape { return TileShape{op.getLogits()}; })
      .Case([](MergeRowsOp op) -> Shape {
        // Tiles count input rows, so that a tile holds whole result rows.
        return TileShape{op.getInput(), 0, kElementwiseRows * static_cast<int64_t>(op.getRows())};
      })
      .Case<CachedAttentionSplitsOp, MergeSplitsOp>([&](Operation *op) -> Shape {
        // Splits are for GPUs, where few rows are few blocks.
        return target == TargetKind::Cuda ? Shape(TileShape{op->getOperand(0)}) : std::nullopt;
      })
      .Case<RegroupOp, RmsNormOp, AddOp, MulOp, SiluOp, GeluOp, CastOp, SplitHeadsOp, RotateOp,
            RopeQkOp, RopeAppendOp>(
          [](Operation *op) -> Shape { return TileShape{op->getOperand(0)}; })
      .Default([](Operation *) -> Shape { return std::nullopt; });
}

} // namespace

StringRef nameOf(TargetKind target) { return target == TargetKind::Cpu ? "cpu" : "cuda"; }

std::optional<TargetKind> targetKindNamed(StringRef name) {
  for (TargetKind target : {TargetKind::Cpu, TargetKind::Cuda})
    if (nameOf(target) == name)
      return target;
  return std::nullopt;
}

Operation *kernelOp(func::FuncOp kernel) {
  if (!llvm::hasSingleElement(kernel.getBody()))
    return nullptr;
  Block &body = kernel.front();
  if (!llvm::hasNItems(body, 2))
    return nullptr;
  Operation *op = &body.front();
  bool isQvl = isa_and_nonnull<QvlDialect>(op->getDialect());
  bool onArguments = llvm::all_of(op->getOperands(), llvm::IsaPred<BlockArgument>);
  bool returned = body.back().getOperands() == op->getResults();
  return isQvl && onArguments && returned ? op : nullptr;
}

FailureOr<TileGrid> tileGrid(func::FuncOp kernel, TargetKind target) {
  Operation *op = kernelOp(kernel);
  if (!op)
    return kernel.emitError(
        "a kernel function is one qvl op on its arguments and the return of its results");
  std::optional<TileShape> shape = tileShape(op, target);
  if (!shape)
    return kernel.emitError() << "no code generation for '" << op->getName() << "'";
  if (target == TargetKind::Cuda) {
    BlockTile tile = BlockTile::of(kernel);
    shape->rowsPerTile = tile.rows;
    shape->columnTiles = tile.columnTiles;
  }
  unsigned argument = cast<BlockArgument>(shape->rows).getArgNumber();
  return TileGrid{argument, shape->dimension, shape->rowsPerTile, shape->columnTiles};
}

/// The rows of a tile in f32, when they are stored as bf16.
static int64_t widenedRowsBytes(RankedTensorType input) {
  return input.getElementType().isBF16() ? 4 * kLinearRows * input.getDimSize(1) : 0;
}

int64_t scratchBytes(func::FuncOp kernel, TargetKind target) {
  if (target == TargetKind::Cuda)
    return BlockTile::of(kernel).sharedBytes;
  return llvm::TypeSwitch<Operation *, int64_t>(kernelOp(kernel))
      .Case<LinearOp, FusedLinearOp>(
          [](auto op) { return widenedRowsBytes(cast<RankedTensorType>(op.getInput().getType())); })
      .Case<AttentionOp, CachedAttentionOp>(
          [](auto op) { return AttentionScratch::of(op).bytes(); })
      .Default([](Operation *) { return 0; });
}

} // namespace mlir::qvl
