// Decoding is bound by the reading of the cache, so a block is one row and the query heads of one
// key head: every key and value is read once. Its warps take blocks of 64 keys, counted from the
// first token, in turn, each with an online softmax of its own, and merge at the end. Which warp
// takes which key, and all orders of sums, follow from the row's own number of keys.

#include "CachedAttentionDecode.h"

#include "../Emit/Loops.h"
#include "AttentionExponential.h"
#include "CachedAttentionKeys.h"

#include "mlir/Dialect/Vector/IR/VectorOps.h"

#include <bit>
#include <limits>

namespace mlir::qvl {
namespace {

constexpr int64_t kLanes = 32;
constexpr int64_t kKeyLanes = 4; // lanes that share a key while scores are computed
constexpr int64_t kKeyGroups = kLanes / kKeyLanes;
constexpr int64_t kLaneKeys = kKeyBlock / kKeyGroups;
constexpr double kLowest = -std::numeric_limits<double>::infinity();

/// How heads in the cache are cut into pieces of one load.
struct Pieces {
  int64_t elements; // of a piece
  int64_t count;    // of a head
  explicit Pieces(const HeadTile &head)
      : elements(head.copyBytes() / head.elementBytes), count(head.headDim / elements) {}
  /// Lanes that read a value together, a power of two, and pieces of each.
  int64_t lanes() const { return std::min<int64_t>(kLanes, std::bit_ceil<uint64_t>(count)); }
  int64_t perLane() const { return llvm::divideCeil(count, lanes()); }
};

class DecodeAttentionEmitter {
public:
  DecodeAttentionEmitter(func::FuncOp kernel, CachedAttentionOp op, const TileGrid &grid);
  void emit();

private:
  Type f32() { return b.getF32Type(); }
  Value scalar(double value) { return constantFloat(b, f32(), value); }
  /// An f32 at an element of shared memory behind a part.
  Value shared(int64_t part, Value element) {
    return elementPointer(b, f32(), frame.shared(part), element);
  }
  SmallVector<Value> loadVector(Type stored, int64_t count, Value pointer, int64_t align);
  void storeVector(ArrayRef<Value> values, Value pointer, int64_t align);
  Value scorePlace(int64_t quad, Value key);

  void copyQueries();
  void addBlock(Value firstKey);
  void storeScores(const KeysInMemory &block, Value count);
  void addProducts(Value piece, ArrayRef<Value> keys, MutableArrayRef<Value> sums);
  void joinScores(Value count);
  void addValues(const KeysInMemory &block, Value count);
  void storeState();
  void mergeWarps();
  void mergePiece(Value number);

  SmallVector<Value> stateValues() const;
  void setState(ArrayRef<Value> values);

  BlockFrame frame;
  ImplicitLocOpBuilder &b;
  CachedAttentionOp op;
  DecodeMemory memory;
  HeadTile keyTile;
  Pieces pieces;
  Type element, keyElement;
  AttentionExponential exponential;
  CachedKeys cache;
  Value row, sequence, keyHead, queryOffset, keys;

  /// Of the warp: one maximum a head, sums of the lane's keys, and weighted sums of the values that
  /// the lane read, [head][piece of the lane][element].
  SmallVector<Value> maxima, sums, output;
};

DecodeAttentionEmitter::DecodeAttentionEmitter(func::FuncOp kernel, CachedAttentionOp op,
                                               const TileGrid &grid)
    : frame(kernel, grid, kLanes * DecodeMemory::kWarps), b(frame.builder()), op(op),
      memory(DecodeMemory::of(op)), keyTile(memory.headDim, op.getCache().getType().getElement()),
      pieces(keyTile), element(op.getType().getElementType()),
      keyElement(op.getCache().getType().getElement()),
      exponential(element.isBF16(), op.getScale().convertToDouble()), cache(frame, op),
      row(frame.rowBegin()) {
  int64_t parts = headsPerKeyHead(op) / memory.heads;
  sequence = cache.sequenceOf(row);
  keys = cache.keysOf(row, sequence);
  keyHead = quotient(b, frame.columnTile(), parts);
  // The heads of a block lie behind each other.
  queryOffset = sum(b, product(b, row, op.getType().getDimSize(1)),
                    product(b, frame.columnTile(), memory.heads * memory.headDim));
}

void DecodeAttentionEmitter::emit() {
  copyQueries();
  frame.barrier();
  maxima.assign(memory.heads, scalar(kLowest));
  sums.assign(memory.heads, scalar(0));
  output.assign(memory.heads * pieces.perLane() * pieces.elements, scalar(0));
  Value first = product(b, frame.warp(), kKeyBlock);
  setState(forLoop(b, first, keys, DecodeMemory::kWarps * kKeyBlock, stateValues(),
                   [&](Value firstKey, MutableArrayRef<Value> carried) {
                     setState(carried);
                     addBlock(firstKey);
                     llvm::copy(stateValues(), carried.begin());
                   }));
  storeState();
  frame.barrier();
  mergeWarps();
  frame.replaceKernel();
}

/// Elements of memory as f32.
SmallVector<Value> DecodeAttentionEmitter::loadVector(Type stored, int64_t count, Value pointer,
                                                      int64_t align) {
  auto type = VectorType::get({count}, stored);
  Value vector = LLVM::LoadOp::create(b, type, pointer, align);
  if (!stored.isF32())
    vector = arith::ExtFOp::create(b, type.clone(f32()), vector);
  SmallVector<Value> values;
  for (int64_t i = 0; i < count; ++i)
    values.push_back(vector::ExtractOp::create(b, vector, i));
  return values;
}

void DecodeAttentionEmitter::storeVector(ArrayRef<Value> values, Value pointer, int64_t align) {
  auto type = VectorType::get({int64_t(values.size())}, f32());
  Value vector = vector::FromElementsOp::create(b, type, values);
  LLVM::StoreOp::create(b, vector, pointer, align);
}

/// The scores of four heads with a key of the warp's block.
Value DecodeAttentionEmitter::scorePlace(int64_t quad, Value key) {
  Value ofWarp = product(b, frame.warp(), memory.scoreBytes() / 4);
  return shared(memory.scoresAt(),
                sum(b, ofWarp, sum(b, product(b, key, 4), 4 * kKeyBlock * quad)));
}

void DecodeAttentionEmitter::copyQueries() {
  int64_t count = memory.heads * memory.headDim, threads = kLanes * DecodeMemory::kWarps;
  Value query = elementPointer(b, element, frame.buffer(op.getQuery()), queryOffset);
  forLoop(b, frame.thread(), constantIndex(b, count), threads, [&](Value i) {
    Value value = LLVM::LoadOp::create(b, element, elementPointer(b, element, query, i));
    if (!element.isF32())
      value = arith::ExtFOp::create(b, f32(), value);
    Value line = product(b, quotient(b, i, memory.headDim), memory.lineElements());
    store(b, value, shared(memory.queriesAt(), sum(b, line, remainder(b, i, memory.headDim))));
  });
}

void DecodeAttentionEmitter::addBlock(Value firstKey) {
  KeysInMemory block = cache.block(sequence, keyHead, firstKey);
  Value count = minimum(b, difference(b, keys, firstKey), constantIndex(b, kKeyBlock));
  storeScores(block, count);
  synchronizeWarp(b);
  joinScores(count);
  synchronizeWarp(b);
  addValues(block, count);
  synchronizeWarp(b); // the next block's scores take the place of these probabilities
}

/// Products of all heads with the block's keys. Four lanes read a key, neighbouring pieces at a
/// time, and lanes take every eighth key. Behind the last key the last one is read again: what lies
/// there may never have been written.
void DecodeAttentionEmitter::storeScores(const KeysInMemory &block, Value count) {
  Value group = quotient(b, frame.lane(), kKeyLanes), lane = remainder(b, frame.lane(), kKeyLanes);
  Value last = difference(b, count, constantIndex(b, 1));
  SmallVector<Value> numbers, pointers;
  for (int64_t i = 0; i < kLaneKeys; ++i) {
    numbers.push_back(sum(b, group, i * kKeyGroups));
    Value key = product(b, minimum(b, numbers.back(), last), block.stride);
    pointers.push_back(elementPointer(b, keyElement, block.keys, key));
  }
  SmallVector<Value> products(memory.heads * kLaneKeys, scalar(0));
  products = forLoop(
      b, lane, constantIndex(b, pieces.count), kKeyLanes, products,
      [&](Value piece, MutableArrayRef<Value> carried) { addProducts(piece, pointers, carried); });
  for (Value &value : products)
    value = reduceLanes(b, value, kKeyLanes, [&](Value x, Value y) {
      return arith::AddFOp::create(b, x, y).getResult();
    });
  Value isFirst = arith::CmpIOp::create(b, arith::CmpIPredicate::eq, lane, constantIndex(b, 0));
  ifTrue(b, isFirst, [&] {
    for (int64_t quad = 0; quad < memory.headQuads(); ++quad)
      for (int64_t i = 0; i < kLaneKeys; ++i) {
        SmallVector<Value> heads(4, scalar(0));
        for (int64_t head = 4 * quad; head < std::min(4 * quad + 4, memory.heads); ++head)
          heads[head % 4] = products[head * kLaneKeys + i];
        storeVector(heads, scorePlace(quad, numbers[i]), 16);
      }
  });
}

/// Adds the products of one piece of every head with the same piece of the lane's keys.
void DecodeAttentionEmitter::addProducts(Value piece, ArrayRef<Value> keys,
                                         MutableArrayRef<Value> sums) {
  int64_t size = pieces.elements;
  Value column = product(b, piece, size);
  SmallVector<SmallVector<Value>> parts;
  for (Value key : keys)
    parts.push_back(loadVector(keyElement, size, elementPointer(b, keyElement, key, column),
                               keyTile.copyBytes()));
  for (int64_t head = 0; head < memory.heads; ++head) {
    Value place = shared(memory.queriesAt(), sum(b, column, head * memory.lineElements()));
    int64_t align = std::min<int64_t>(16, 4 * size);
    SmallVector<Value> query = loadVector(f32(), size, place, align);
    for (int64_t i = 0; i < kLaneKeys; ++i)
      for (int64_t e = 0; e < size; ++e) {
        Value &total = sums[head * kLaneKeys + i];
        total = math::FmaOp::create(b, query[e], parts[i][e], total);
      }
  }
}

/// Turns scores into probabilities, a lane two keys, and brings the warp's state to their maximum.
void DecodeAttentionEmitter::joinScores(Value count) {
  constexpr int64_t kKeys = kKeyBlock / kLanes;
  auto max = [&](Value x, Value y) { return arith::MaxNumFOp::create(b, x, y).getResult(); };
  Value factor = scalar(exponential.scale());
  SmallVector<Value> keys, exists;
  for (int64_t i = 0; i < kKeys; ++i) {
    keys.push_back(sum(b, frame.lane(), i * kLanes));
    exists.push_back(arith::CmpIOp::create(b, arith::CmpIPredicate::slt, keys[i], count));
  }
  int64_t headOutput = output.size() / memory.heads;
  for (int64_t quad = 0; quad < memory.headQuads(); ++quad) {
    SmallVector<SmallVector<Value>> scores;
    for (int64_t i = 0; i < kKeys; ++i)
      scores.push_back(loadVector(f32(), 4, scorePlace(quad, keys[i]), 16));
    for (int64_t head = 4 * quad; head < std::min(4 * quad + 4, memory.heads); ++head) {
      SmallVector<Value> scaled;
      for (int64_t i = 0; i < kKeys; ++i) {
        Value score = arith::MulFOp::create(b, scores[i][head % 4], factor);
        scaled.push_back(arith::SelectOp::create(b, exists[i], score, scalar(kLowest)));
      }
      Value highest = reduceLanes(b, max(scaled[0], scaled[1]), kLanes, max);
      Value maximum = max(maxima[head], highest); // a number: every block has a key
      Value decay = exponential(b, arith::SubFOp::create(b, maxima[head], maximum));
      Value total = arith::MulFOp::create(b, sums[head], decay);
      for (int64_t i = 0; i < kKeys; ++i) {
        Value probability = exponential(b, arith::SubFOp::create(b, scaled[i], maximum));
        total = arith::AddFOp::create(b, total, probability);
        scores[i][head % 4] = probability;
      }
      maxima[head] = maximum;
      sums[head] = total;
      for (Value &value : MutableArrayRef<Value>(output).slice(head * headOutput, headOutput))
        value = arith::MulFOp::create(b, value, decay);
    }
    for (int64_t i = 0; i < kKeys; ++i)
      storeVector(scores[i], scorePlace(quad, keys[i]), 16);
  }
}

/// Lanes take a piece of head_dim, or several, of every so many-th key. Keys behind the last have
/// probability zero and the value of the last.
void DecodeAttentionEmitter::addValues(const KeysInMemory &block, Value count) {
  int64_t size = pieces.elements, groups = kLanes / pieces.lanes();
  int64_t unrolled = std::min<int64_t>(4, kKeyBlock / groups); // loads under way at a time
  Value group = quotient(b, frame.lane(), pieces.lanes());
  Value firstPiece = remainder(b, frame.lane(), pieces.lanes());
  Value last = difference(b, count, constantIndex(b, 1)),
        lastPiece = constantIndex(b, pieces.count - 1);
  auto addKeys = [&](Value start, MutableArrayRef<Value> totals) {
    for (int64_t u = 0; u < unrolled; ++u) {
      Value key = sum(b, sum(b, start, group), u * groups);
      Value value = elementPointer(b, keyElement, block.values,
                                   product(b, minimum(b, key, last), block.stride));
      SmallVector<Value> probabilities;
      for (int64_t quad = 0; quad < memory.headQuads(); ++quad)
        probabilities.append(loadVector(f32(), 4, scorePlace(quad, key), 16));
      for (int64_t p = 0; p < pieces.perLane(); ++p) {
        Value piece = minimum(b, sum(b, firstPiece, p * pieces.lanes()), lastPiece);
        Value pointer = elementPointer(b, keyElement, value, product(b, piece, size));
        SmallVector<Value> part = loadVector(keyElement, size, pointer, keyTile.copyBytes());
        for (int64_t head = 0; head < memory.heads; ++head)
          for (int64_t e = 0; e < size; ++e) {
            Value &total = totals[(head * pieces.perLane() + p) * size + e];
            total = math::FmaOp::create(b, probabilities[head], part[e], total);
          }
      }
    }
  };
  output = forLoop(b, constantIndex(b, 0), count, groups * unrolled, output, addKeys);
}

/// The warp's state to shared memory.
void DecodeAttentionEmitter::storeState() {
  auto add = [&](Value x, Value y) { return arith::AddFOp::create(b, x, y).getResult(); };
  for (Value &total : sums)
    total = reduceLanes(b, total, kLanes, add);
  for (Value &total : output)
    for (int64_t distance = pieces.lanes(); distance < kLanes; distance *= 2)
      total = add(total, shuffleXor(b, total, distance));
  Value heads = product(b, frame.warp(), memory.heads), zero = constantIndex(b, 0);
  ifTrue(b, arith::CmpIOp::create(b, arith::CmpIPredicate::eq, frame.lane(), zero), [&] {
    for (int64_t head = 0; head < memory.heads; ++head) {
      store(b, maxima[head], shared(memory.maximaAt(), sum(b, heads, head)));
      store(b, sums[head], shared(memory.sumsAt(), sum(b, heads, head)));
    }
  });
  int64_t size = pieces.elements;
  for (int64_t p = 0; p < pieces.perLane(); ++p) {
    Value piece = sum(b, frame.lane(), p * pieces.lanes());
    Value limit = constantIndex(b, std::min(pieces.count, (p + 1) * pieces.lanes()));
    ifTrue(b, arith::CmpIOp::create(b, arith::CmpIPredicate::slt, piece, limit), [&] {
      for (int64_t head = 0; head < memory.heads; ++head) {
        Value line = product(b, sum(b, heads, head), memory.lineElements());
        Value place = shared(memory.outputAt(), sum(b, line, product(b, piece, size)));
        auto part = ArrayRef<Value>(output).slice((head * pieces.perLane() + p) * size, size);
        storeVector(part, place, std::min<int64_t>(16, 4 * size));
      }
    });
  }
}

void DecodeAttentionEmitter::mergeWarps() {
  Pieces results(HeadTile(memory.headDim, element));
  forLoop(b, frame.thread(), constantIndex(b, memory.heads * results.count),
          kLanes * DecodeMemory::kWarps, [&](Value number) { mergePiece(number); });
}

/// One piece of the result: the warps' sums at their common maximum, in the order of warps.
void DecodeAttentionEmitter::mergePiece(Value number) {
  HeadTile resultTile(memory.headDim, element);
  Pieces results(resultTile);
  Value head = quotient(b, number, results.count);
  Value column = product(b, remainder(b, number, results.count), results.elements);
  auto ofWarp = [&](int64_t part, int64_t warp) {
    return load(b, f32(), shared(part, sum(b, head, warp * memory.heads)));
  };
  SmallVector<Value> warpMaxima;
  for (int64_t warp = 0; warp < DecodeMemory::kWarps; ++warp)
    warpMaxima.push_back(ofWarp(memory.maximaAt(), warp));
  Value maximum = warpMaxima[0];
  for (Value other : ArrayRef<Value>(warpMaxima).drop_front())
    maximum = arith::MaxNumFOp::create(b, maximum, other);
  Value total = scalar(0);
  SmallVector<Value> values(results.elements, scalar(0));
  for (int64_t warp = 0; warp < DecodeMemory::kWarps; ++warp) {
    Value weight = exponential(b, arith::SubFOp::create(b, warpMaxima[warp], maximum));
    total = math::FmaOp::create(b, weight, ofWarp(memory.sumsAt(), warp), total);
    Value line = product(b, sum(b, head, warp * memory.heads), memory.lineElements());
    Value place = shared(memory.outputAt(), sum(b, line, column));
    SmallVector<Value> part =
        loadVector(f32(), results.elements, place, std::min<int64_t>(16, 4 * results.elements));
    for (auto [value, ofPart] : llvm::zip_equal(values, part))
      value = math::FmaOp::create(b, weight, ofPart, value);
  }
  for (Value &value : values)
    value = arith::DivFOp::create(b, value, total);
  auto type = VectorType::get({results.elements}, f32());
  Value vector = vector::FromElementsOp::create(b, type, values);
  if (!element.isF32())
    vector = arith::TruncFOp::create(b, type.clone(element), vector);
  Value offset = sum(b, queryOffset, sum(b, product(b, head, memory.headDim), column));
  LLVM::StoreOp::create(b, vector, elementPointer(b, element, frame.resultBuffer(0), offset),
                        resultTile.copyBytes());
}

SmallVector<Value> DecodeAttentionEmitter::stateValues() const {
  SmallVector<Value> values(maxima);
  values.append(sums);
  values.append(output);
  return values;
}

void DecodeAttentionEmitter::setState(ArrayRef<Value> values) {
  auto take = [&](SmallVector<Value> &part) {
    part.assign(values.begin(), values.begin() + part.size());
    values = values.drop_front(part.size());
  };
  take(maxima);
  take(sums);
  take(output);
}

} // namespace

void emitDecodeAttention(func::FuncOp kernel, CachedAttentionOp op, const TileGrid &grid) {
  DecodeAttentionEmitter(kernel, op, grid).emit();
}

} // namespace mlir::qvl
