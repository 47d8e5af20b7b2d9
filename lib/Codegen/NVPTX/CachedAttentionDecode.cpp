// Decoding is bound by the reading of the cache, so a block is one row and the query heads of one
// key head: every key and value is read once. Blocks of 64 keys, counted from the first token, are
// dealt to the splits in turn, and each of a block's warps takes eight of the 64; they merge at the
// end. Which split and which warp take a key, and all orders of sums, follow from the key's number.

#include "CachedAttentionDecode.h"

#include "../Emit/Loops.h"
#include "AttentionVectors.h"
#include "CachedAttentionWarp.h"
#include "Emitters.h"

#include "mlir/Dialect/LLVMIR/NVVMDialect.h"

#include <limits>

namespace mlir::qvl {
namespace {

constexpr int64_t kThreads = kWarpLanes * DecodeMemory::kWarps;
constexpr int64_t kRegistersOfTwo = 80; // of state and operands, where two blocks fit beside
static_assert(kSplitTokens == kKeyBlock, "a split takes whole blocks of keys");

class DecodeAttentionEmitter {
public:
  /// `splits` is 1 where the block's result is that of the row.
  DecodeAttentionEmitter(func::FuncOp kernel, const CachedOperands &op, const TileGrid &grid,
                         int64_t splits);
  void emitRow();
  void emitSplit();

private:
  /// Some elements of a head, merged of the warps but not divided by the sum of probabilities.
  struct Merged {
    Value head, column; // of the block, of the head
    Value maximum, total;
    SmallVector<Value> values;
  };

  Value shared(int64_t part, Value element) {
    return elementPointer(b, b.getF32Type(), frame.shared(part), element);
  }
  Value isBelow(Value lhs, Value rhs) {
    return arith::CmpIOp::create(b, arith::CmpIPredicate::slt, lhs, rhs);
  }
  void emitBlock(const HeadPieces &pieces, function_ref<void(const Merged &)> store);
  void copyQueries();
  void addKeys();
  Merged mergePiece(const HeadPieces &pieces, Value number);
  std::pair<Value, SmallVector<Value>> warpWeights(Value head);
  void storeRow(const Merged &merged, const HeadPieces &pieces);
  void storeSplit(const Merged &merged, const HeadPieces &pieces);
  void storeWeights(Value head, Value maximum, Value total);
  void storeNoKeys();

  BlockFrame frame;
  ImplicitLocOpBuilder &b;
  CachedOperands op;
  int64_t splits;
  DecodeMemory memory;
  Type element; // of the queries
  AttentionExponential exponential;
  CachedKeys cache;
  DecodeWarp warp;
  Value sequence, split, keyHead, keys;
  Value firstHead;   // of the block, among those of its row
  Value queryOffset; // of the block's first head
  Value splitOffset; // the same in heads of the results by splits
};

DecodeAttentionEmitter::DecodeAttentionEmitter(func::FuncOp kernel, const CachedOperands &op,
                                               const TileGrid &grid, int64_t splits)
    : frame(kernel, grid, kThreads), b(frame.builder()), op(op), splits(splits),
      memory(DecodeMemory::of(op)), element(op.query.getType().getElementType()),
      exponential(element.isBF16(), op.scale), cache(frame, op),
      warp(frame, memory, op.cache.getType().getElement(), exponential) {
  int64_t heads = op.query.getType().getDimSize(1), headTiles = heads / memory.heads;
  Value row = frame.rowBegin();
  sequence = cache.sequenceOf(row);
  keys = cache.keysOf(row, sequence);
  split = quotient(b, frame.columnTile(), headTiles);
  Value headTile = remainder(b, frame.columnTile(), headTiles);
  keyHead = quotient(b, headTile, headsPerKeyHead(op) / memory.heads);
  firstHead = product(b, headTile, memory.heads);
  queryOffset = product(b, sum(b, product(b, row, heads), firstHead), memory.headDim);
  splitOffset = sum(b, product(b, sum(b, product(b, row, splits), split), heads), firstHead);
  if (splits > 1 && warp.registers() <= kRegistersOfTwo) // otherwise there are not two to hold
    frame.function()->setAttr(NVVM::NVVMDialect::getMinctasmAttrName(), b.getI32IntegerAttr(2));
}

void DecodeAttentionEmitter::emitRow() {
  HeadPieces pieces(HeadTile(memory.headDim, element));
  emitBlock(pieces, [&](const Merged &merged) { storeRow(merged, pieces); });
  frame.replaceKernel();
}

/// A split begins with the block of keys of its number; without it, it is empty.
void DecodeAttentionEmitter::emitSplit() {
  HeadPieces pieces(HeadTile(memory.headDim, b.getF32Type()));
  Value hasKeys = isBelow(product(b, split, kKeyBlock), keys);
  auto branch = scf::IfOp::create(b, hasKeys, /*withElseRegion=*/true);
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(branch.thenBlock());
    emitBlock(pieces, [&](const Merged &merged) { storeSplit(merged, pieces); });
    b.setInsertionPointToStart(branch.elseBlock());
    storeNoKeys();
  }
  frame.replaceKernel();
}

void DecodeAttentionEmitter::emitBlock(const HeadPieces &pieces,
                                       function_ref<void(const Merged &)> store) {
  copyQueries();
  frame.barrier();
  addKeys();
  warp.store();
  frame.barrier();
  forLoop(b, frame.thread(), constantIndex(b, memory.heads * pieces.count), kThreads,
          [&](Value number) { store(mergePiece(pieces, number)); });
}

/// The heads of a block lie behind each other.
void DecodeAttentionEmitter::copyQueries() {
  Value query = elementPointer(b, element, frame.buffer(op.query), queryOffset);
  Value count = constantIndex(b, memory.heads * memory.headDim);
  forLoop(b, frame.thread(), count, kThreads, [&](Value i) {
    Value value = load(b, element, elementPointer(b, element, query, i));
    if (!element.isF32())
      value = arith::ExtFOp::create(b, b.getF32Type(), value);
    Value line = product(b, quotient(b, i, memory.headDim), memory.lineElements());
    store(b, value, shared(memory.queriesAt(), sum(b, line, remainder(b, i, memory.headDim))));
  });
}

/// The warp's eight keys of every block of the split.
void DecodeAttentionEmitter::addKeys() {
  constexpr int64_t count = DecodeMemory::kWarpKeys;
  warp.reset();
  Value first = sum(b, product(b, split, kKeyBlock), product(b, frame.warp(), count));
  auto add = [&](Value firstKey, MutableArrayRef<Value> carried) {
    warp.setState(carried);
    warp.addKeys(cache.block(sequence, keyHead, firstKey),
                 minimum(b, difference(b, keys, firstKey), constantIndex(b, count)));
    llvm::copy(warp.state(), carried.begin());
  };
  warp.setState(forLoop(b, first, keys, splits * kKeyBlock, warp.state(), add));
}

/// The maximum of a head, and what brings each warp's sums to it; zero for warps without keys.
std::pair<Value, SmallVector<Value>> DecodeAttentionEmitter::warpWeights(Value head) {
  SmallVector<Value> weights;
  for (int64_t number = 0; number < DecodeMemory::kWarps; ++number)
    weights.push_back(
        load(b, b.getF32Type(), shared(memory.maximaAt(), sum(b, head, number * memory.heads))));
  Value maximum = weights[0];
  for (Value other : ArrayRef<Value>(weights).drop_front())
    maximum = arith::MaxNumFOp::create(b, maximum, other);
  for (Value &weight : weights)
    weight = exponential(b, arith::SubFOp::create(b, weight, maximum));
  return {maximum, weights};
}

/// One piece of a head: the sums of the warps, in their order.
DecodeAttentionEmitter::Merged DecodeAttentionEmitter::mergePiece(const HeadPieces &pieces,
                                                                  Value number) {
  Value zero = constantFloat(b, b.getF32Type(), 0);
  Merged merged{quotient(b, number, pieces.count),
                product(b, remainder(b, number, pieces.count), pieces.elements), Value(), zero,
                SmallVector<Value>(pieces.elements, zero)};
  auto [maximum, weights] = warpWeights(merged.head);
  merged.maximum = maximum;
  for (auto [warpNumber, weight] : llvm::enumerate(weights)) {
    Value ofWarp = sum(b, merged.head, warpNumber * memory.heads);
    Value part = load(b, b.getF32Type(), shared(memory.sumsAt(), ofWarp));
    merged.total = math::FmaOp::create(b, weight, part, merged.total);
    Value place = sum(b, product(b, ofWarp, memory.lineElements()), merged.column);
    SmallVector<Value> output =
        loadElements(b, b.getF32Type(), pieces.elements, shared(memory.outputAt(), place),
                     pieces.wideAlignment());
    for (auto [value, element] : llvm::zip_equal(merged.values, output))
      value = math::FmaOp::create(b, weight, element, value);
  }
  return merged;
}

void DecodeAttentionEmitter::storeRow(const Merged &merged, const HeadPieces &pieces) {
  SmallVector<Value> values;
  for (Value value : merged.values)
    values.push_back(arith::DivFOp::create(b, value, merged.total));
  Value inHeads = sum(b, product(b, merged.head, memory.headDim), merged.column);
  Value place = elementPointer(b, element, frame.resultBuffer(0), sum(b, queryOffset, inHeads));
  storeElements(b, values, element, place, pieces.bytes);
}

void DecodeAttentionEmitter::storeSplit(const Merged &merged, const HeadPieces &pieces) {
  Value head = sum(b, splitOffset, merged.head);
  Value offset = sum(b, product(b, head, memory.headDim), merged.column);
  storeElements(b, merged.values, b.getF32Type(),
                elementPointer(b, b.getF32Type(), frame.resultBuffer(1), offset), pieces.bytes);
  Value first = constantIndex(b, 0);
  Value isFirst = arith::CmpIOp::create(b, arith::CmpIPredicate::eq, merged.column, first);
  ifTrue(b, isFirst, [&] { storeWeights(merged.head, merged.maximum, merged.total); });
}

/// The maximum as a score: exponents of two are of no concern to whoever merges.
void DecodeAttentionEmitter::storeWeights(Value head, Value maximum, Value total) {
  Value unit = constantFloat(b, b.getF32Type(), exponential.unit());
  if (exponential.unit() != 1)
    maximum = arith::MulFOp::create(b, maximum, unit);
  Value place = elementPointer(b, b.getF32Type(), frame.resultBuffer(0),
                               product(b, sum(b, splitOffset, head), 2));
  storeElements(b, {maximum, total}, b.getF32Type(), place, 8);
}

void DecodeAttentionEmitter::storeNoKeys() {
  Value lowest = constantFloat(b, b.getF32Type(), -std::numeric_limits<double>::infinity());
  Value zero = constantFloat(b, b.getF32Type(), 0);
  ifTrue(b, isBelow(frame.thread(), constantIndex(b, memory.heads)),
         [&] { storeWeights(frame.thread(), lowest, zero); });
}

} // namespace

void emitDecodeAttention(func::FuncOp kernel, CachedAttentionOp op, const TileGrid &grid) {
  DecodeAttentionEmitter(kernel, op, grid, 1).emitRow();
}

LogicalResult emitBlockAttentionSplits(func::FuncOp kernel) {
  FailureOr<TileGrid> grid = tileGrid(kernel, TargetKind::Cuda);
  if (failed(grid))
    return failure();
  auto op = cast<CachedAttentionSplitsOp>(kernelOp(kernel));
  DecodeAttentionEmitter(kernel, op, *grid, op.getOutput().getType().getDimSize(1)).emitSplit();
  return success();
}

} // namespace mlir::qvl
