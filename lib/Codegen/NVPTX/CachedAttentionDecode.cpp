// Decoding is bound by the reading of the cache, so a block is one row and the query heads of one
// key head: every key and value is read once. Its warps take blocks of 64 keys, counted from the
// first token, in turn and merge at the end. Which warp takes which key, and all orders of sums,
// follow from the row's own number of keys.

#include "CachedAttentionDecode.h"

#include "../Emit/Loops.h"
#include "AttentionVectors.h"
#include "CachedAttentionWarp.h"

namespace mlir::qvl {
namespace {

constexpr int64_t kThreads = kWarpLanes * DecodeMemory::kWarps;

class DecodeAttentionEmitter {
public:
  DecodeAttentionEmitter(func::FuncOp kernel, CachedAttentionOp op, const TileGrid &grid);
  void emit();

private:
  Value shared(int64_t part, Value element) {
    return elementPointer(b, b.getF32Type(), frame.shared(part), element);
  }
  void copyQueries();
  void addKeys();
  void mergePiece(const HeadPieces &pieces, Value number);
  SmallVector<Value> warpWeights(Value head);

  BlockFrame frame;
  ImplicitLocOpBuilder &b;
  CachedAttentionOp op;
  DecodeMemory memory;
  Type element; // of queries and result
  AttentionExponential exponential;
  CachedKeys cache;
  DecodeWarp warp;
  Value sequence, keyHead, keys;
  Value headOffset; // of the block's first head, in the query and in the result
};

DecodeAttentionEmitter::DecodeAttentionEmitter(func::FuncOp kernel, CachedAttentionOp op,
                                               const TileGrid &grid)
    : frame(kernel, grid, kThreads), b(frame.builder()), op(op), memory(DecodeMemory::of(op)),
      element(op.getType().getElementType()),
      exponential(element.isBF16(), op.getScale().convertToDouble()), cache(frame, op),
      warp(frame, memory, op.getCache().getType().getElement(), exponential) {
  Value row = frame.rowBegin();
  sequence = cache.sequenceOf(row);
  keys = cache.keysOf(row, sequence);
  keyHead = quotient(b, frame.columnTile(), headsPerKeyHead(op) / memory.heads);
  headOffset = sum(b, product(b, row, op.getType().getDimSize(1)),
                   product(b, frame.columnTile(), memory.heads * memory.headDim));
}

void DecodeAttentionEmitter::emit() {
  copyQueries();
  frame.barrier();
  addKeys();
  warp.store();
  frame.barrier();
  HeadPieces pieces(HeadTile(memory.headDim, element));
  forLoop(b, frame.thread(), constantIndex(b, memory.heads * pieces.count), kThreads,
          [&](Value number) { mergePiece(pieces, number); });
  frame.replaceKernel();
}

/// The heads of a block lie behind each other.
void DecodeAttentionEmitter::copyQueries() {
  Value query = elementPointer(b, element, frame.buffer(op.getQuery()), headOffset);
  Value count = constantIndex(b, memory.heads * memory.headDim);
  forLoop(b, frame.thread(), count, kThreads, [&](Value i) {
    Value value = load(b, element, elementPointer(b, element, query, i));
    if (!element.isF32())
      value = arith::ExtFOp::create(b, b.getF32Type(), value);
    Value line = product(b, quotient(b, i, memory.headDim), memory.lineElements());
    store(b, value, shared(memory.queriesAt(), sum(b, line, remainder(b, i, memory.headDim))));
  });
}

void DecodeAttentionEmitter::addKeys() {
  warp.reset();
  Value first = product(b, frame.warp(), kKeyBlock);
  auto addBlock = [&](Value firstKey, MutableArrayRef<Value> carried) {
    warp.setState(carried);
    Value count = minimum(b, difference(b, keys, firstKey), constantIndex(b, kKeyBlock));
    warp.addBlock(cache.block(sequence, keyHead, firstKey), count);
    llvm::copy(warp.state(), carried.begin());
  };
  warp.setState(forLoop(b, first, keys, DecodeMemory::kWarps * kKeyBlock, warp.state(), addBlock));
}

/// What brings each warp's sums of a head to the common maximum; zero for warps without keys.
SmallVector<Value> DecodeAttentionEmitter::warpWeights(Value head) {
  SmallVector<Value> weights;
  for (int64_t number = 0; number < DecodeMemory::kWarps; ++number)
    weights.push_back(
        load(b, b.getF32Type(), shared(memory.maximaAt(), sum(b, head, number * memory.heads))));
  Value maximum = weights[0];
  for (Value other : ArrayRef<Value>(weights).drop_front())
    maximum = arith::MaxNumFOp::create(b, maximum, other);
  for (Value &weight : weights)
    weight = exponential(b, arith::SubFOp::create(b, weight, maximum));
  return weights;
}

/// One piece of the result: the sums of the warps, in their order.
void DecodeAttentionEmitter::mergePiece(const HeadPieces &pieces, Value number) {
  Value head = quotient(b, number, pieces.count);
  Value column = product(b, remainder(b, number, pieces.count), pieces.elements);
  Value zero = constantFloat(b, b.getF32Type(), 0), total = zero;
  SmallVector<Value> values(pieces.elements, zero);
  for (auto [warpNumber, weight] : llvm::enumerate(warpWeights(head))) {
    Value ofWarp = sum(b, head, warpNumber * memory.heads);
    Value part = load(b, b.getF32Type(), shared(memory.sumsAt(), ofWarp));
    total = math::FmaOp::create(b, weight, part, total);
    Value place = sum(b, product(b, ofWarp, memory.lineElements()), column);
    SmallVector<Value> output =
        loadElements(b, b.getF32Type(), pieces.elements, shared(memory.outputAt(), place),
                     pieces.wideAlignment());
    for (auto [value, element] : llvm::zip_equal(values, output))
      value = math::FmaOp::create(b, weight, element, value);
  }
  for (Value &value : values)
    value = arith::DivFOp::create(b, value, total);
  Value offset = sum(b, headOffset, sum(b, product(b, head, memory.headDim), column));
  storeElements(b, values, element, elementPointer(b, element, frame.resultBuffer(0), offset),
                pieces.bytes);
}

} // namespace

void emitDecodeAttention(func::FuncOp kernel, CachedAttentionOp op, const TileGrid &grid) {
  DecodeAttentionEmitter(kernel, op, grid).emit();
}

} // namespace mlir::qvl
