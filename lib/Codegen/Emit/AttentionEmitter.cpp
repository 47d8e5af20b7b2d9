// qvl.attention: softmax attention inside segments. A tile is 64 rows times one head; it walks the
// segments that meet its rows and takes their keys in blocks of 64 counted from the segment's
// start. Windows keep the scores of all blocks and then take all values.
//
// Where the target multiplies pairs of bf16, queries and keys are copied as words of two elements
// of a head, in the same way as elements.

#include "Emitters.h"
#include "KernelFrame.h"
#include "Loops.h"
#include "OnlineSoftmax.h"

#include "mlir/Dialect/Vector/IR/VectorOps.h"

namespace mlir::qvl {
namespace {

class AttentionEmitter {
public:
  AttentionEmitter(func::FuncOp kernel, AttentionOp op, const TileGrid &grid,
                   const TileTarget &target)
      : frame(kernel, grid), b(frame.builder()), target(target), layout(AttentionScratch::of(op)),
        element(op.getQuery().getType().getElementType()), rowStride(op.getType().getDimSize(1)),
        inPairs(target.multipliesBf16Pairs() && attendsInPairs(op)),
        termElement(inPairs ? Type(b.getF32Type()) : element),
        termStride(inPairs ? rowStride / 2 : rowStride), scratch(frame.scratch()),
        softmax(b, target, layout, scratch, op.getScale().convertToDouble(), keyArrival(op),
                inPairs),
        query(frame.buffer(op.getQuery())), key(frame.buffer(op.getKey())),
        value(frame.buffer(op.getValue())), segments(frame.buffer(op.getSegments())),
        segmentEnds(frame.size(op.getSegments(), 0)), result(frame.resultBuffer(0)) {}

  void emit();

private:
  Value boundary(Value segment) {
    return loadIndex(b, elementPointer(b, b.getI32Type(), segments, segment));
  }
  Value segmentsUpTo(Value row);
  void emitSegment(Value head, Value first, Value end, Value rowBegin, Value rowEnd);
  void forEachQueryTile(Value rows, llvm::function_ref<void(const QueryRows &)> body);
  void copyQueries(Value source, Value rows, Value paddedRows);
  void transposeKeys(Value source, Value count);
  void transposeSquare(Value source, Value destination, int64_t width);
  void transposeInRegisters(MutableArrayRef<Value> square);
  Value headOf(Value buffer, Value row, Value head) {
    Value offset = sum(b, product(b, row, rowStride), product(b, head, layout.headDim));
    return elementPointer(b, element, buffer, offset);
  }

  KernelFrame frame;
  ImplicitLocOpBuilder &b;
  const TileTarget &target;
  AttentionScratch layout;
  Type element;      // of heads
  int64_t rowStride; // elements of a row of heads
  bool inPairs;
  Type termElement;   // of the terms of a score: elements, or words of two of them
  int64_t termStride; // terms of a row of heads
  Value scratch;
  OnlineSoftmax softmax;
  Value query, key, value, segments, segmentEnds, result;
};

void AttentionEmitter::emit() {
  frame.forEachTile([&](Value head, Value rowBegin, Value rowEnd) {
    // The last segment that begins at or before the tile's first row; empty ones at that place come
    // earlier.
    Value one = constantIndex(b, 1), zero = constantIndex(b, 0);
    Value first = maximum(b, difference(b, segmentsUpTo(rowBegin), one), zero);
    Value end = segmentsUpTo(difference(b, rowEnd, one));
    forLoop(b, first, end, 1, [&](Value segment) {
      Value begin = boundary(segment), behind = boundary(sum(b, segment, 1));
      Value segmentRowBegin = maximum(b, begin, rowBegin);
      Value segmentRowEnd = minimum(b, behind, rowEnd);
      Value hasRows =
          arith::CmpIOp::create(b, arith::CmpIPredicate::slt, segmentRowBegin, segmentRowEnd);
      ifTrue(b, hasRows, [&] { emitSegment(head, begin, behind, segmentRowBegin, segmentRowEnd); });
    });
  });
  frame.replaceKernel();
}

/// The number of segments that begin at or before `row`, by bisection.
Value AttentionEmitter::segmentsUpTo(Value row) {
  Value low = constantIndex(b, 0), high = difference(b, segmentEnds, constantIndex(b, 1));
  return bisect(b, low, high, [&](Value segment) -> Value {
    return arith::CmpIOp::create(b, arith::CmpIPredicate::sgt, boundary(segment), row);
  });
}

/// Rows [rowBegin, rowEnd) of the segment [first, end). The rows are padded to whole register
/// tiles, so that one form of the tile serves every number of rows.
void AttentionEmitter::emitSegment(Value head, Value first, Value end, Value rowBegin,
                                   Value rowEnd) {
  int64_t tileRows = target.attentionForm().rows;
  bool keepsBlocks = layout.scoreKeys > kKeyBlock;
  if (keepsBlocks) // Rows beyond the bound would have no place for their scores.
    end = minimum(b, end, sum(b, first, layout.scoreKeys));
  Value rows = difference(b, rowEnd, rowBegin);
  Value paddedRows = roundDown(b, sum(b, rows, tileRows - 1), tileRows);
  copyQueries(headOf(query, rowBegin, head), rows, paddedRows);
  softmax.reset(paddedRows);
  Value zero = constantIndex(b, 0);
  forLoop(b, first, end, kKeyBlock, [&](Value blockBegin) {
    Value count = minimum(b, difference(b, end, blockBegin), constantIndex(b, kKeyBlock));
    transposeKeys(headOf(key, blockBegin, head), count);
    KeyBlock block{softmax.scratchRow(layout.keys(), zero, 0), b.getF32Type(), kKeyBlock,
                   keepsBlocks ? difference(b, blockBegin, first) : zero, count};
    ValueRows values{headOf(value, blockBegin, head), element, rowStride, count};
    forEachQueryTile(paddedRows, [&](const QueryRows &tile) {
      softmax.addScores(tile, block);
      if (!keepsBlocks)
        softmax.addValues(tile, values);
    });
  });
  if (keepsBlocks)
    forEachQueryTile(paddedRows, [&](const QueryRows &tile) {
      softmax.addValues(
          tile, {headOf(value, first, head), element, rowStride, difference(b, end, first)});
    });
  softmax.finish(rows, headOf(result, rowBegin, head), element, rowStride);
}

/// The copied rows, as many at a time as a register tile has.
void AttentionEmitter::forEachQueryTile(Value rows,
                                        llvm::function_ref<void(const QueryRows &)> body) {
  int64_t tileRows = target.attentionForm().rows;
  forLoop(b, constantIndex(b, 0), rows, tileRows, [&](Value row) {
    Value queries = softmax.scratchRow(layout.queries(), row, layout.paddedHeadDim());
    body({queries, layout.paddedHeadDim(), row, tileRows});
  });
}

void AttentionEmitter::copyQueries(Value source, Value rows, Value paddedRows) {
  Type f32 = b.getF32Type();
  int64_t depth = softmax.scoreDepth();
  auto fill = [&](Value row, llvm::function_ref<Value(int64_t)> vectorOf) {
    Value target = softmax.scratchRow(layout.queries(), row, layout.paddedHeadDim());
    for (int64_t v = 0; v < softmax.vectorsOf(depth); ++v)
      store(b, vectorOf(v), elementPointer(b, f32, target, v * this->target.lanes()));
  };
  forLoop(b, constantIndex(b, 0), rows, 1, [&](Value row) {
    Value head = elementPointer(b, termElement, source, product(b, row, termStride));
    fill(row, [&](int64_t v) { return softmax.loadRow(head, termElement, depth, v); });
  });
  Value zero = constantFloat(b, target.vectorType(b.getContext()), 0.0);
  forLoop(b, rows, paddedRows, 1, [&](Value row) { fill(row, [&](int64_t) { return zero; }); });
}

/// Keys to lanes: whole squares through registers, the keys behind them one by one.
void AttentionEmitter::transposeKeys(Value source, Value count) {
  Type f32 = b.getF32Type();
  int64_t lanes = target.lanes(), depth = softmax.scoreDepth(), whole = depth / lanes * lanes;
  Value wholeKeys = roundDown(b, count, lanes), zero = constantIndex(b, 0);
  auto place = [&](Value key, Value d) {
    return elementPointer(b, f32, scratch,
                          sum(b, sum(b, product(b, d, kKeyBlock), key), layout.keys()));
  };
  forLoop(b, zero, wholeKeys, lanes, [&](Value key) {
    Value heads = elementPointer(b, termElement, source, product(b, key, termStride));
    forLoop(b, zero, constantIndex(b, whole), lanes, [&](Value d) {
      transposeSquare(elementPointer(b, termElement, heads, d), place(key, d), lanes);
    });
    if (Value d = constantIndex(b, whole); whole < depth)
      transposeSquare(elementPointer(b, termElement, heads, d), place(key, d), depth - whole);
  });
  forLoop(b, wholeKeys, count, 1, [&](Value key) {
    Value head = elementPointer(b, termElement, source, product(b, key, termStride));
    auto one = VectorType::get({1}, f32);
    forLoop(b, zero, constantIndex(b, depth), 1, [&](Value d) {
      Value pointer = elementPointer(b, termElement, head, d);
      store(b, loadFloats(b, one, termElement, pointer), place(key, d));
    });
  });
}

/// Transposes as many keys as a vector has lanes, `width` terms of each.
void AttentionEmitter::transposeSquare(Value source, Value destination, int64_t width) {
  Type f32 = b.getF32Type();
  int64_t lanes = target.lanes();
  VectorType type = target.vectorType(b.getContext());
  Value mask = width < lanes ? laneMask(b, lanes, constantIndex(b, width)) : Value();
  SmallVector<Value> square;
  for (int64_t key = 0; key < lanes; ++key) {
    Value pointer = elementPointer(b, termElement, source, key * termStride);
    square.push_back(loadFloats(b, type, termElement, pointer, mask));
  }
  transposeInRegisters(square);
  for (int64_t d = 0; d < width; ++d)
    store(b, square[d], elementPointer(b, f32, destination, d * kKeyBlock));
}

/// Exchanges the off-diagonal blocks of 1, 2, 4, ... lanes of a square of vectors.
void AttentionEmitter::transposeInRegisters(MutableArrayRef<Value> square) {
  int64_t lanes = square.size();
  for (int64_t block = 1; block < lanes; block *= 2) {
    SmallVector<int64_t> low, high; // lanes of the pair of vectors, numbered through
    for (int64_t lane = 0; lane < lanes; ++lane) {
      low.push_back(lane & block ? lanes + lane - block : lane);
      high.push_back(lane & block ? lanes + lane : lane + block);
    }
    for (int64_t first = 0; first < lanes; ++first) {
      if (first & block)
        continue;
      Value upper = square[first], lower = square[first + block];
      square[first] = vector::ShuffleOp::create(b, upper, lower, low);
      square[first + block] = vector::ShuffleOp::create(b, upper, lower, high);
    }
  }
}

} // namespace

LogicalResult emitAttentionKernel(func::FuncOp kernel, const TileTarget &target) {
  FailureOr<TileGrid> grid = tileGrid(kernel);
  if (failed(grid))
    return failure();
  auto op = cast<AttentionOp>(kernelOp(kernel));
  AttentionEmitter(kernel, op, *grid, target).emit();
  return success();
}

} // namespace mlir::qvl
