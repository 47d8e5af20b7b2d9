// qvl.linear and qvl.fused_linear for thread blocks.

#include "BlockTiles.h"
#include "Emitters.h"
#include "LinearFewRows.h"
#include "LinearManyRows.h"

namespace mlir::qvl {
namespace {

void emitTile(BlockFrame &frame, const Projection &projection, const LinearTile &tile,
              bool hasWarpgroups) {
  switch (tile.form) {
  case LinearForm::ManyRows:
    if (hasWarpgroups && isWarpgroupTile(projection, tile))
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

/// Lanes read quads of columns: two weights must take turns in blocks of two quads.
constexpr int64_t kInterleavedRows = 8;

LogicalResult checkInterleave(func::FuncOp kernel) {
  auto fused = dyn_cast<FusedLinearOp>(kernelOp(kernel));
  if (!fused || fused.getWeightCount() == 1 ||
      cast<PanelAttr>(encodingOf(fused.getWeight())).getInterleave() == kInterleavedRows)
    return success();
  return kernel.emitError() << fused->getName() << " needs two weights interleaved by "
                            << kInterleavedRows << " rows on GPUs";
}

LogicalResult emitKernel(func::FuncOp kernel) {
  if (failed(checkProjection(kernel)) || failed(checkInterleave(kernel)))
    return failure();
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
