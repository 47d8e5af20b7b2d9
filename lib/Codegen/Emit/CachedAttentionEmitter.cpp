// qvl.cached_attention: causal attention of a ragged batch over the paged cache. A row's query
// heads of one key head go through the cache together, one row after another: the same code for
// every row, whatever its batch, so that prefill and decode agree bit for bit (contract C10).

#include "CacheLayout.h"
#include "Emitters.h"
#include "KernelFrame.h"
#include "Loops.h"
#include "OnlineSoftmax.h"

namespace mlir::qvl {
namespace {

class CachedAttentionEmitter {
public:
  CachedAttentionEmitter(func::FuncOp kernel, CachedAttentionOp op, const TileGrid &grid,
                         const TileTarget &target)
      : frame(kernel, grid), b(frame.builder()), op(op), target(target),
        scratchLayout(AttentionScratch::of(op)), cacheType(op.getCache().getType()),
        cacheLayout(cacheType), rowStride(op.getType().getDimSize(1)),
        inPairs(target.multipliesBf16Pairs() && attendsInPairs(op)),
        softmax(b, target, scratchLayout, frame.scratch(), op.getScale().convertToDouble(),
                KeyArrival::Streamed, inPairs) {}

  void emit() {
    frame.forEachTile([&](Value head, Value rowBegin, Value rowEnd) {
      forLoop(b, rowBegin, rowEnd, 1, [&](Value row) { emitRow(head, row); });
    });
    frame.replaceKernel();
  }

private:
  Value entry(Value list, Value position) {
    return loadIndex(b, elementPointer(b, b.getI32Type(), frame.buffer(list), position));
  }
  void emitRow(Value head, Value row);
  Value widenQueries(Value queries);
  std::pair<KeyBlock, ValueRows> blockAt(Value sequence, Value head, Value firstKey, Value keys);

  KernelFrame frame;
  ImplicitLocOpBuilder &b;
  CachedAttentionOp op;
  const TileTarget &target;
  AttentionScratch scratchLayout;
  CacheType cacheType;
  CacheLayout cacheLayout;
  int64_t rowStride; // elements of a row of heads
  bool inPairs;
  OnlineSoftmax softmax;
};

void CachedAttentionEmitter::emitRow(Value head, Value row) {
  int64_t group = scratchLayout.rows, headDim = scratchLayout.headDim;
  Value sequence = entry(op.getRowSequence(), row);
  Value inCall = difference(b, row, entry(op.getRowOffsets(), sequence));
  Value keys = sum(b, sum(b, entry(op.getCacheLengths(), sequence), inCall), 1);
  Value offset = sum(b, product(b, row, rowStride), product(b, head, group * headDim));
  Type element = op.getType().getElementType();
  Value queries = elementPointer(b, element, frame.buffer(op.getQuery()), offset);
  if (element.isBF16() && !inPairs)
    queries = widenQueries(queries);
  int64_t stride = softmax.scoreDepth();
  Value heads = constantIndex(b, group);
  softmax.reset(heads);
  forLoop(b, constantIndex(b, 0), keys, kKeyBlock, [&](Value firstKey) {
    auto [block, values] = blockAt(sequence, head, firstKey, keys);
    for (int64_t first = 0; first < group; first += target.attentionForm().rows) {
      Value start = elementPointer(b, b.getF32Type(), queries, first * stride);
      int64_t count = std::min(target.attentionForm().rows, group - first);
      QueryRows rows{start, stride, constantIndex(b, first), count};
      softmax.addScores(rows, block);
      softmax.addValues(rows, values);
    }
  });
  softmax.finish(heads, elementPointer(b, element, frame.resultBuffer(0), offset), element,
                 headDim);
}

/// Copies the query heads of a row, which lie behind each other, to scratch memory as f32.
Value CachedAttentionEmitter::widenQueries(Value queries) {
  Value copy = softmax.scratchRow(scratchLayout.queries(), constantIndex(b, 0), 0);
  int64_t elements = scratchLayout.rows * scratchLayout.headDim, lanes = target.lanes();
  VectorType type = target.vectorType(b.getContext());
  for (int64_t start = 0; start < elements; start += lanes) {
    Value mask = start + lanes <= elements ? Value()
                                           : laneMask(b, lanes, constantIndex(b, elements - start));
    Value heads = loadFloats(b, type, b.getBF16Type(),
                             elementPointer(b, b.getBF16Type(), queries, start), mask);
    storeFloats(b, heads, b.getF32Type(), elementPointer(b, b.getF32Type(), copy, start), mask);
  }
  return copy;
}

/// The block of keys at token `firstKey`, which lies in one page: the cache type makes pages hold a
/// multiple of kKeyBlock tokens.
std::pair<KeyBlock, ValueRows> CachedAttentionEmitter::blockAt(Value sequence, Value head,
                                                               Value firstKey, Value keys) {
  Type element = cacheType.getElement();
  Value width = frame.size(op.getBlockTable(), 1);
  Value inTable = sum(b, product(b, sequence, width), quotient(b, firstKey, cacheType.getPage()));
  Value page = entry(op.getBlockTable(), inTable);
  Value inPage = remainder(b, firstKey, cacheType.getPage());
  Value layer = frame.scalar(op.getLayer()), cache = frame.buffer(op.getCache());
  Value keyOffset = sum(b, cacheLayout.keys(b, page, layer, head), inPage);
  Value valueOffset = sum(b, cacheLayout.values(b, page, layer, head),
                          product(b, inPage, cacheLayout.valueTokenStride()));
  Value count = minimum(b, difference(b, keys, firstKey), constantIndex(b, kKeyBlock));
  KeyBlock block{elementPointer(b, element, cache, keyOffset), element,
                 cacheLayout.keyPlaceStride(), constantIndex(b, 0), count};
  ValueRows values{elementPointer(b, element, cache, valueOffset), element,
                   cacheLayout.valueTokenStride(), count};
  return {block, values};
}

} // namespace

LogicalResult emitCachedAttentionKernel(func::FuncOp kernel, const TileTarget &target) {
  FailureOr<TileGrid> grid = tileGrid(kernel);
  if (failed(grid))
    return failure();
  auto op = cast<CachedAttentionOp>(kernelOp(kernel));
  CachedAttentionEmitter(kernel, op, *grid, target).emit();
  return success();
}

} // namespace mlir::qvl
