#include "BlockTiles.h"

#include "AttentionTiles.h"
#include "LinearTiles.h"
#include "SamplingTiles.h"
#include "qvl/Codegen/TileGrid.h"

#include "llvm/ADT/TypeSwitch.h"

namespace mlir::qvl {
namespace {

BlockTile linearBlock(func::FuncOp kernel, int64_t columns) {
  LinearTile tile = LinearTile::of(kernel);
  int64_t columnTiles = llvm::divideCeil(columns, tile.columns);
  return {tile.rows, columnTiles, tile.threads, tile.sharedBytes};
}

BlockTile attentionTile(const BlockShape &shape) {
  return {shape.rowsPerTile, shape.columnTiles, shape.threads, shape.sharedBytes};
}

} // namespace

BlockTile BlockTile::of(func::FuncOp kernel) {
  return llvm::TypeSwitch<Operation *, BlockTile>(kernelOp(kernel))
      .Case<LinearOp, FusedLinearOp>(
          [&](auto op) { return linearBlock(kernel, op.getType().getDimSize(1)); })
      .Case<AttentionOp, CachedAttentionSplitsOp, MergeSplitsOp>(
          [](auto op) { return attentionTile(attentionBlock(op)); })
      .Case([&](CachedAttentionOp op) {
        return attentionTile(attentionBlock(op, kernel->hasAttr(kFewRowsAttr)));
      })
      .Case([](ArgmaxOp op) {
        return BlockTile{1, op.getValues().getType().getDimSize(1), kArgmaxWarps * 32,
                         kArgmaxWarps * kSumBytes};
      })
      .Case([](SampleOp) { return BlockTile{1, 1, kSampleWarps * 32, SampleMemory::kBytes}; })
      .Default([](Operation *) { return BlockTile{kRowWarps, 1, kRowWarps * 32, 0}; });
}

int64_t keySplits(CachedAttentionOp op, int64_t maxContext) {
  constexpr int64_t kBlocks = 128; // of a row: about the multiprocessors of the large GPUs
  int64_t splits = llvm::divideCeil(kBlocks, decodeBlock(op, 1).columnTiles);
  return maxContext == 0 ? splits
                         : std::min<int64_t>(splits, llvm::divideCeil(maxContext, kSplitTokens));
}

} // namespace mlir::qvl
