// qvl.cached_attention on thread blocks, for many rows: the lines of a block are all query heads of
// one key head for some rows. Rows of a block may belong to several sequences, which it walks one
// after another.

#include "../Emit/CacheLayout.h"
#include "../Emit/Loops.h"
#include "CachedAttentionDecode.h"
#include "CachedAttentionKeys.h"
#include "Emitters.h"

namespace mlir::qvl {
namespace {

class BlockCachedAttentionEmitter {
public:
  BlockCachedAttentionEmitter(func::FuncOp kernel, CachedAttentionOp op, const TileGrid &grid)
      : frame(kernel, grid, kAttentionThreads), b(frame.builder()), op(op), cache(frame, op),
        group(headsPerKeyHead(op)), headDim(op.getQuery().getType().getDimSize(2)),
        rowStride(op.getType().getDimSize(1)),
        attention(frame, AttentionMemory::of(op), op.getScale().convertToDouble(),
                  op.getType().getElementType(), op.getCache().getType().getElement()) {}

  void emit();

private:
  void addSequence(Value sequence);
  Value lineOffset(Value line);

  BlockFrame frame;
  ImplicitLocOpBuilder &b;
  CachedAttentionOp op;
  CachedKeys cache;
  int64_t group;
  int64_t headDim;
  int64_t rowStride; // elements of a row of heads
  AttentionBlock attention;
  std::array<Value, kLaneLines> sequences, keys; // of the lane's lines
};

void BlockCachedAttentionEmitter::emit() {
  Value rowBegin = frame.rowBegin(), one = constantIndex(b, 1);
  Value count = product(b, difference(b, frame.rowEnd(), rowBegin), group);
  auto offset = [&](Value line) { return lineOffset(line); };
  attention.copyQueries(frame.buffer(op.getQuery()), count, offset);
  for (int64_t i = 0; i < kLaneLines; ++i) {
    Value line = minimum(b, attention.line(i), difference(b, count, one));
    Value row = sum(b, rowBegin, quotient(b, line, group));
    sequences[i] = cache.sequenceOf(row);
    keys[i] = cache.keysOf(row, sequences[i]);
  }
  attention.begin();
  Value first = cache.sequenceOf(rowBegin);
  Value last = cache.sequenceOf(difference(b, frame.rowEnd(), one));
  attention.forEach(first, sum(b, last, 1), 1, [&](Value sequence) { addSequence(sequence); });
  attention.finish(frame.resultBuffer(0), count, offset);
  frame.replaceKernel();
}

/// The head of a line: heads of a row lie behind each other, and so do rows.
Value BlockCachedAttentionEmitter::lineOffset(Value line) {
  Value row = sum(b, frame.rowBegin(), quotient(b, line, group));
  Value head = sum(b, product(b, frame.columnTile(), group), remainder(b, line, group));
  return sum(b, product(b, row, rowStride), product(b, head, headDim));
}

/// The keys that the sequence's last row in this block sees. A sequence without rows here adds
/// none.
void BlockCachedAttentionEmitter::addSequence(Value sequence) {
  Value zero = constantIndex(b, 0);
  Value begin = maximum(b, cache.firstRow(sequence), frame.rowBegin());
  Value end = minimum(b, cache.firstRow(sum(b, sequence, 1)), frame.rowEnd());
  Value last = difference(b, end, constantIndex(b, 1));
  Value hasRows = arith::CmpIOp::create(b, arith::CmpIPredicate::slt, begin, end);
  Value visible = arith::SelectOp::create(b, hasRows, cache.keysOf(last, sequence), zero);
  AttentionBlock::LineRanges ranges;
  for (int64_t i = 0; i < kLaneLines; ++i) {
    Value own = arith::CmpIOp::create(b, arith::CmpIPredicate::eq, sequences[i], sequence);
    ranges[i] = {zero, arith::SelectOp::create(b, own, keys[i], zero)};
  }
  auto lookup = [&](Value first) { return cache.block(sequence, frame.columnTile(), first); };
  attention.addKeys(zero, visible, lookup, ranges);
}

} // namespace

LogicalResult emitBlockCachedAttention(func::FuncOp kernel) {
  FailureOr<TileGrid> grid = tileGrid(kernel, TargetKind::Cuda);
  if (failed(grid))
    return failure();
  auto op = cast<CachedAttentionOp>(kernelOp(kernel));
  if (kernel->hasAttr(kFewRowsAttr)) {
    emitDecodeAttention(kernel, op, *grid);
    return success();
  }
  if (headsPerKeyHead(op) > kQueryLines)
    return kernel.emitError() << "no code generation for more than " << kQueryLines
                              << " query heads of one key head";
  BlockCachedAttentionEmitter(kernel, op, *grid).emit();
  return success();
}

} // namespace mlir::qvl
