// qvl.attention on thread blocks: 64 rows of one head. The keys of a block are those of all
// segments that its rows touch; a row takes the ones of its own segment.

#include "../Emit/Loops.h"
#include "AttentionBlock.h"
#include "Emitters.h"
#include "WarpInstructions.h"

namespace mlir::qvl {
namespace {

class BlockAttentionEmitter {
public:
  BlockAttentionEmitter(func::FuncOp kernel, AttentionOp op, const TileGrid &grid)
      : frame(kernel, grid, kAttentionThreads), b(frame.builder()), op(op),
        element(op.getQuery().getType().getElementType()),
        headDim(op.getQuery().getType().getDimSize(2)), rowStride(op.getType().getDimSize(1)),
        attention(frame, AttentionMemory::of(op), op.getScale().convertToDouble(), element,
                  element) {}

  void emit();

private:
  using KeyRange = AttentionBlock::KeyRange;

  Value boundary(Value segment) {
    Value pointer = elementPointer(b, b.getI32Type(), frame.buffer(op.getSegments()), segment);
    return loadIndex(b, pointer);
  }
  KeyRange segmentOf(Value row);
  Value offset(Value row) {
    return sum(b, product(b, row, rowStride), product(b, frame.columnTile(), headDim));
  }

  BlockFrame frame;
  ImplicitLocOpBuilder &b;
  AttentionOp op;
  Type element;
  int64_t headDim;
  int64_t rowStride; // elements of a row of heads
  AttentionBlock attention;
};

void BlockAttentionEmitter::emit() {
  Value rowBegin = frame.rowBegin(), rowEnd = frame.rowEnd();
  Value count = difference(b, rowEnd, rowBegin), last = difference(b, rowEnd, constantIndex(b, 1));
  auto lineOffset = [&](Value line) { return offset(sum(b, rowBegin, line)); };
  attention.copyQueries(frame.buffer(op.getQuery()), count, lineOffset);
  Value begin = segmentOf(rowBegin).begin, end = segmentOf(last).end;
  AttentionBlock::LineRanges ranges;
  for (int64_t i = 0; i < kLaneLines; ++i) {
    Value row = minimum(b, sum(b, rowBegin, attention.line(i)), last);
    ranges[i] = segmentOf(row);
    // Rows behind the last segment have no keys.
    Value inside = arith::CmpIOp::create(b, arith::CmpIPredicate::slt, row, ranges[i].end);
    ranges[i].end = arith::SelectOp::create(b, inside, ranges[i].end, ranges[i].begin);
  }
  attention.begin();
  auto lookup = [&](Value first) {
    return KeysInMemory{elementPointer(b, element, frame.buffer(op.getKey()), offset(first)),
                        elementPointer(b, element, frame.buffer(op.getValue()), offset(first)),
                        rowStride};
  };
  attention.addKeys(begin, end, lookup, ranges);
  // Results take the place of queries, which tensor cores have read in front of all keys: where
  // there are none, nothing else would order the two.
  if (element.isBF16())
    synchronizeWarp(b);
  attention.finish(frame.resultBuffer(0), count, lineOffset);
  frame.replaceKernel();
}

/// The segment that holds a row: the last one that begins at or before it, by bisection. Rows
/// behind the last segment meet an empty one.
BlockAttentionEmitter::KeyRange BlockAttentionEmitter::segmentOf(Value row) {
  Value one = constantIndex(b, 1), last = difference(b, frame.size(op.getSegments(), 0), one);
  Value behind = bisect(b, one, last, [&](Value segment) -> Value {
    return arith::CmpIOp::create(b, arith::CmpIPredicate::sgt, boundary(segment), row);
  });
  return {boundary(difference(b, behind, one)), boundary(behind)};
}

} // namespace

LogicalResult emitBlockAttention(func::FuncOp kernel) {
  FailureOr<TileGrid> grid = tileGrid(kernel, TargetKind::Cuda);
  if (failed(grid))
    return failure();
  BlockAttentionEmitter(kernel, cast<AttentionOp>(kernelOp(kernel)), *grid).emit();
  return success();
}

} // namespace mlir::qvl
