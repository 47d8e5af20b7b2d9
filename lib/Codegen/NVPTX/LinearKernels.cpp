// qvl.linear and qvl.fused_linear for thread blocks.

#include "BlockTiles.h"
#include "Emitters.h"
#include "LinearFewRows.h"
#include "LinearManyRows.h"
#include "LinearWide.h"

namespace mlir::qvl {
namespace {

void emitTile(BlockFrame &frame, const Projection &projection, const LinearTile &tile,
              bool hasWarpgroups) {
  switch (tile.form) {
  case LinearForm::ManyRows:
    if (hasWarpgroups && isWarpgroupTile(tile))
      return emitWarpgroupTile(frame, projection, tile);
    return emitTensorCoreTile(frame, projection, tile);
  case LinearForm::ManyRowsFma:
    return emitFmaTile(frame, projection, tile);
  case LinearForm::FewRows:
    return emitFewRowsTensorCore(frame, projection, tile);
  case LinearForm::FewRowsFma:
    return emitFewRowsFma(frame, projection, tile);
  }
}

LogicalResult emitKernel(func::FuncOp kernel) {
  if (failed(checkProjection(kernel)))
    return failure();
  int64_t block = linearPanel(kernel).getInterleave();
  if (block != 0 && block != kPairBlock)
    return kernel.emitError() << "weights that take turns need blocks of " << kPairBlock << " rows";
  if (kernel->hasAttr(kWideAttr))
    return emitWideLinear(kernel);
  FailureOr<TileGrid> grid = tileGrid(kernel, TargetKind::Cuda);
  if (failed(grid))
    return failure();
  LinearTile tile = LinearTile::of(kernel);
  bool hasWarpgroups = kernel->hasAttr(kWarpgroupsAttr);
  BlockFrame frame(kernel, *grid, tile.threads);
  emitTile(frame, projectionOf(kernel, frame), tile, hasWarpgroups);
  frame.replaceKernel();
  return success();
}

} // namespace

LogicalResult emitBlockLinear(func::FuncOp kernel) { return emitKernel(kernel); }
LogicalResult emitBlockFusedLinear(func::FuncOp kernel) { return emitKernel(kernel); }

} // namespace mlir::qvl
