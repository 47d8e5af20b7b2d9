// The largest logit of a block of columns: a thread block takes one block of one row.

#include "../Emit/Loops.h"
#include "Emitters.h"
#include "SamplingRow.h"
#include "SamplingTiles.h"
#include "WarpInstructions.h"
#include "dialects/qvl/IR/Qvl.h"

namespace mlir::qvl {
namespace {

constexpr int64_t kThreads = kWarpLanes * kArgmaxWarps;

class ArgmaxEmitter {
public:
  ArgmaxEmitter(func::FuncOp kernel, ArgmaxOp op, const TileGrid &grid)
      : frame(kernel, grid, kThreads), b(frame.builder()), op(op),
        row(frame, op.getLogits(), op.getSeen(), op.getSettings()) {}

  void emit() {
    auto better = [&](Value x, Value y) { return betterOf(b, x, y); };
    Value best = reduceLanes(b, bestOfThread(), kWarpLanes, better);
    ifTrue(b, isZero(frame.lane()), [&] { store(b, best, warpBest(frame.warp())); });
    frame.barrier();
    ifTrue(b, isZero(frame.warp()), [&] {
      Value other = load(b, b.getI64Type(), warpBest(remainder(b, frame.lane(), kArgmaxWarps)));
      Value blockBest = reduceLanes(b, other, kArgmaxWarps, better);
      ifTrue(b, isZero(frame.lane()), [&] { storeBest(blockBest); });
    });
    frame.replaceKernel();
  }

private:
  Value isZero(Value number) {
    return arith::CmpIOp::create(b, arith::CmpIPredicate::eq, number, constantIndex(b, 0));
  }
  Value warpBest(Value warp) { return elementPointer(b, b.getI64Type(), frame.shared(), warp); }

  Value bestOfThread() {
    int64_t units = static_cast<int64_t>(op.getColumns()) / row.unit();
    Value first = product(b, frame.columnTile(), units);
    Value end = minimum(b, sum(b, first, units), constantIndex(b, row.units()));
    Value none = arith::ConstantIntOp::create(b, b.getI64Type(), 0);
    return forLoop(b, sum(b, first, frame.thread()), end, kThreads, none,
                   [&](Value number, MutableArrayRef<Value> best) {
                     for (auto [i, value] : llvm::enumerate(row.penalized(number))) {
                       Value column =
                           arith::IndexCastOp::create(b, b.getI32Type(), row.column(number, i));
                       best[0] = betterOf(b, best[0], packBest(b, value, column));
                     }
                   })
        .front();
  }

  void storeBest(Value best) {
    int64_t blocks = op.getValues().getType().getDimSize(1);
    Value place = sum(b, product(b, frame.rowBegin(), blocks), frame.columnTile());
    store(b, valueOfBest(b, best), elementPointer(b, b.getF32Type(), frame.resultBuffer(0), place));
    store(b, columnOfBest(b, best),
          elementPointer(b, b.getI32Type(), frame.resultBuffer(1), place));
  }

  BlockFrame frame;
  ImplicitLocOpBuilder &b;
  ArgmaxOp op;
  SamplingRow row;
};

} // namespace

LogicalResult emitBlockArgmax(func::FuncOp kernel) {
  FailureOr<TileGrid> grid = tileGrid(kernel, TargetKind::Cuda);
  if (failed(grid))
    return failure();
  ArgmaxEmitter(kernel, cast<ArgmaxOp>(kernelOp(kernel)), *grid).emit();
  return success();
}

} // namespace mlir::qvl
