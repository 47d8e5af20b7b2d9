#include "LinearFewRows.h"

#include "../Emit/Loops.h"
#include "LinearOutput.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

namespace mlir::qvl {
namespace {

constexpr int64_t kWarpBytes = kFewRows * kPartialRow * 4;

class FewRowsBlock {
public:
  FewRowsBlock(BlockFrame &frame, const Projection &projection, const LinearTile &tile,
               FewRowsWarp &warp)
      : frame(frame), b(frame.builder()), projection(projection), tile(tile), warp(warp),
        panels(b, projection, tile, frame.columnTile()) {}
  void emit();

private:
  SmallVector<Value> sumOverDepth();
  Value partials(Value warpNumber);
  Value totalQuad(Value row, Value quad);
  void storeTotals();

  BlockFrame &frame;
  ImplicitLocOpBuilder &b;
  const Projection &projection;
  const LinearTile &tile;
  FewRowsWarp &warp;
  TilePanels panels;
};

void FewRowsBlock::emit() {
  warp.storePartials(sumOverDepth(), partials(frame.warp()));
  frame.barrier();
  storeTotals();
}

/// The last warp in turn gets the rest of the lines, which fill no chunk.
SmallVector<Value> FewRowsBlock::sumOverDepth() {
  int64_t group = projection.panel.getKGroup(), chunkLines = warp.chunkLines();
  int64_t whole = projection.depth / (chunkLines * group);
  Value lines = panels.lines(b, constantIndex(b, 0));
  SmallVector<Value> sums = warp.zeros(b);
  auto addChunk = [&](Value chunk, Value lineLimit, MutableArrayRef<Value> carried) {
    warp.addChunk({product(b, chunk, chunkLines), lineLimit}, lines, carried);
  };
  if (whole > 0)
    sums =
        forLoop(b, frame.warp(), constantIndex(b, whole), kFewRowsWarps, sums,
                [&](Value chunk, MutableArrayRef<Value> carried) { addChunk(chunk, {}, carried); });
  if (whole * chunkLines * group == projection.depth)
    return sums;
  // A loop of one step in one warp.
  Value rest = constantIndex(b, whole), end = constantIndex(b, whole + 1);
  Value turn = constantIndex(b, whole % kFewRowsWarps);
  Value isTurn = arith::CmpIOp::create(b, arith::CmpIPredicate::eq, frame.warp(), turn);
  Value begin = arith::SelectOp::create(b, isTurn, rest, end);
  return forLoop(b, begin, end, 1, sums, [&](Value chunk, MutableArrayRef<Value> carried) {
    addChunk(chunk, constantIndex(b, panels.lineCount()), carried);
  });
}

Value FewRowsBlock::partials(Value warpNumber) {
  return elementPointer(b, b.getI8Type(), frame.shared(), product(b, warpNumber, kWarpBytes));
}

/// Four columns of a row, over all warps in ascending order.
Value FewRowsBlock::totalQuad(Value row, Value quad) {
  auto type = VectorType::get({4}, b.getF32Type());
  Value offset = sum(b, product(b, row, kPartialRow * 4), product(b, quad, kQuadBytes));
  Value total;
  for (int64_t w = 0; w < kFewRowsWarps; ++w) {
    Value start = partials(constantIndex(b, w));
    Value part = load(b, type, elementPointer(b, b.getI8Type(), start, offset), kQuadBytes);
    total = total ? arith::AddFOp::create(b, total, part).getResult() : part;
  }
  return total;
}

void FewRowsBlock::storeTotals() {
  const PanelColumns &columns = panels.columns();
  int64_t rowQuads = tile.columns / 4;
  Value isThread = arith::CmpIOp::create(b, arith::CmpIPredicate::slt, frame.thread(),
                                         constantIndex(b, kFewRows * rowQuads));
  auto active = scf::IfOp::create(b, isThread);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(active.thenBlock());
  // Neighbouring lanes take the rows of one quad, which lie in different banks.
  Value row = remainder(b, frame.thread(), kFewRows), quad = quotient(b, frame.thread(), kFewRows);
  SmallVector<Value> weights;
  for (int64_t weight = 0; weight < columns.weights(); ++weight) {
    Value number = sum(b, product(b, quad, columns.weights()), weight);
    weights.push_back(totalQuad(row, columns.laneQuad(b, number)));
  }
  Value column = sum(b, product(b, frame.columnTile(), tile.columns), product(b, quad, 4));
  LinearOutput(frame, projection).store({{sum(b, frame.rowBegin(), row)}, column, 4, {weights}});
}

} // namespace

void emitFewRows(BlockFrame &frame, const Projection &projection, const LinearTile &tile,
                 FewRowsWarp &warp) {
  FewRowsBlock(frame, projection, tile, warp).emit();
}

} // namespace mlir::qvl
