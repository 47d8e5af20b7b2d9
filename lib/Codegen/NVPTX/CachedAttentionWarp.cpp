#include "CachedAttentionWarp.h"

#include "../Emit/Loops.h"
#include "AttentionVectors.h"

#include <limits>

namespace mlir::qvl {
namespace {

constexpr int64_t kKeyLanes = 4; // lanes that share a key while scores are computed
constexpr int64_t kKeyGroups = kWarpLanes / kKeyLanes;
constexpr int64_t kLaneKeys = 4;       // keys of a lane at a time: as many as registers allow
constexpr int64_t kValuesUnderWay = 4; // loads of a lane before the first is used

Value larger(ImplicitLocOpBuilder &b, Value lhs, Value rhs) {
  return arith::MaxNumFOp::create(b, lhs, rhs);
}

} // namespace

DecodeWarp::DecodeWarp(BlockFrame &frame, const DecodeMemory &memory, Type keyElement,
                       const AttentionExponential &exponential)
    : frame(frame), b(frame.builder()), memory(memory), keyElement(keyElement),
      pieces(HeadTile(memory.headDim, keyElement)), exponential(exponential) {}

void DecodeWarp::reset() {
  maxima.assign(memory.heads, scalar(-std::numeric_limits<double>::infinity()));
  sums.assign(memory.heads, scalar(0));
  output.assign(memory.heads * pieces.perLane() * pieces.elements, scalar(0));
}

/// Scores and probabilities go through shared memory, because each step deals them to lanes in a
/// way of its own.
void DecodeWarp::addBlock(const KeysInMemory &block, Value count) {
  storeScores(block, count);
  synchronizeWarp(b);
  joinScores(count);
  synchronizeWarp(b);
  addValues(block, count);
  synchronizeWarp(b); // the next scores take the place of these probabilities
}

/// The scores of four heads with a key of the warp's block.
Value DecodeWarp::scorePlace(int64_t quad, Value key) {
  Value ofWarp = product(b, frame.warp(), memory.scoreBytes() / 4);
  Value ofKey = sum(b, product(b, key, 4), 4 * kKeyBlock * quad);
  return shared(memory.scoresAt(), sum(b, ofWarp, ofKey));
}

/// Products of all heads with the block's keys. Four lanes read a key, neighbouring pieces at a
/// time, and lanes take every eighth key.
void DecodeWarp::storeScores(const KeysInMemory &block, Value count) {
  Value group = quotient(b, frame.lane(), kKeyLanes);
  forLoop(b, constantIndex(b, 0), constantIndex(b, kKeyBlock), kLaneKeys * kKeyGroups,
          [&](Value start) {
            SmallVector<Value> keys;
            for (int64_t i = 0; i < kLaneKeys; ++i)
              keys.push_back(sum(b, sum(b, start, group), i * kKeyGroups));
            storeScoresOf(block, keys, count);
          });
}

/// The scores of some keys, which are other ones in every four lanes. Behind the last key the last
/// one is read again: what lies there may never have been written.
void DecodeWarp::storeScoresOf(const KeysInMemory &block, ArrayRef<Value> keys, Value count) {
  Value lane = remainder(b, frame.lane(), kKeyLanes);
  Value last = difference(b, count, constantIndex(b, 1));
  SmallVector<Value> pointers = llvm::map_to_vector(keys, [&](Value key) {
    Value offset = product(b, minimum(b, key, last), block.stride);
    return elementPointer(b, keyElement, block.keys, offset);
  });
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
        for (int64_t head : headsOf(quad))
          heads[head % 4] = products[head * kLaneKeys + i];
        storeElements(b, heads, b.getF32Type(), scorePlace(quad, keys[i]), 16);
      }
  });
}

/// Adds the products of one piece of every head with the same piece of the lane's keys.
void DecodeWarp::addProducts(Value piece, ArrayRef<Value> keys, MutableArrayRef<Value> sums) {
  int64_t size = pieces.elements;
  Value column = product(b, piece, size);
  SmallVector<SmallVector<Value>> parts;
  for (Value key : keys) {
    Value pointer = elementPointer(b, keyElement, key, column);
    parts.push_back(loadElements(b, keyElement, size, pointer, pieces.bytes));
  }
  for (int64_t head = 0; head < memory.heads; ++head) {
    Value place = shared(memory.queriesAt(), sum(b, column, head * memory.lineElements()));
    SmallVector<Value> query = loadElements(b, b.getF32Type(), size, place, pieces.wideAlignment());
    for (int64_t i = 0; i < kLaneKeys; ++i)
      for (int64_t e = 0; e < size; ++e) {
        Value &total = sums[head * kLaneKeys + i];
        total = math::FmaOp::create(b, query[e], parts[i][e], total);
      }
  }
}

/// Turns scores into probabilities, some keys a lane.
void DecodeWarp::joinScores(Value count) {
  SmallVector<Value> keys, exists;
  for (int64_t key = 0; key < kKeyBlock; key += kWarpLanes) {
    keys.push_back(sum(b, frame.lane(), key));
    exists.push_back(arith::CmpIOp::create(b, arith::CmpIPredicate::slt, keys.back(), count));
  }
  for (int64_t quad = 0; quad < memory.headQuads(); ++quad) {
    SmallVector<SmallVector<Value>> scores;
    for (Value key : keys)
      scores.push_back(loadElements(b, b.getF32Type(), 4, scorePlace(quad, key), 16));
    for (int64_t head : headsOf(quad)) {
      SmallVector<Value> ofHead;
      for (ArrayRef<Value> ofKey : scores)
        ofHead.push_back(ofKey[head % 4]);
      joinHead(head, ofHead, exists);
      for (auto [ofKey, probability] : llvm::zip_equal(scores, ofHead))
        ofKey[head % 4] = probability;
    }
    for (auto [key, ofKey] : llvm::zip_equal(keys, scores))
      storeElements(b, ofKey, b.getF32Type(), scorePlace(quad, key), 16);
  }
}

/// Replaces the lane's scores of a head by probabilities, zero for keys that do not exist, and
/// brings the head's state to their maximum. Every block has a key, so that is a number.
void DecodeWarp::joinHead(int64_t head, MutableArrayRef<Value> scores, ArrayRef<Value> exists) {
  auto max = [&](Value x, Value y) { return larger(b, x, y); };
  Value factor = scalar(exponential.scale());
  Value lowest = scalar(-std::numeric_limits<double>::infinity()), highest = lowest;
  for (auto [score, present] : llvm::zip_equal(scores, exists)) {
    score = arith::SelectOp::create(b, present, arith::MulFOp::create(b, score, factor), lowest);
    highest = max(highest, score);
  }
  Value maximum = max(maxima[head], reduceLanes(b, highest, kWarpLanes, max));
  Value decay = exponential(b, arith::SubFOp::create(b, maxima[head], maximum));
  sums[head] = arith::MulFOp::create(b, sums[head], decay);
  for (Value &score : scores) {
    score = exponential(b, arith::SubFOp::create(b, score, maximum));
    sums[head] = arith::AddFOp::create(b, sums[head], score);
  }
  maxima[head] = maximum;
  for (int64_t piece = 0; piece < pieces.perLane(); ++piece)
    for (Value &value : outputOf(head, piece))
      value = arith::MulFOp::create(b, value, decay);
}

/// Groups of lanes take every so many-th key. Keys behind the last have probability zero and the
/// value of the last.
void DecodeWarp::addValues(const KeysInMemory &block, Value count) {
  int64_t groups = kWarpLanes / pieces.lanes(); // keys that the warp reads at a time
  int64_t underWay = std::min(kValuesUnderWay, kKeyBlock / groups);
  Value group = quotient(b, frame.lane(), pieces.lanes());
  Value last = difference(b, count, constantIndex(b, 1));
  auto addKeys = [&](Value start, MutableArrayRef<Value> carried) {
    llvm::copy(carried, output.begin());
    for (int64_t i = 0; i < underWay; ++i) {
      Value key = sum(b, sum(b, start, group), i * groups);
      Value offset = product(b, minimum(b, key, last), block.stride);
      addValue(key, elementPointer(b, keyElement, block.values, offset));
    }
    llvm::copy(output, carried.begin());
  };
  output = forLoop(b, constantIndex(b, 0), count, groups * underWay, output, addKeys);
}

/// Adds the lane's pieces of one value. Lanes without a piece read the last one for nothing.
void DecodeWarp::addValue(Value key, Value value) {
  Value firstPiece = remainder(b, frame.lane(), pieces.lanes());
  Value lastPiece = constantIndex(b, pieces.count - 1);
  SmallVector<Value> probabilities;
  for (int64_t quad = 0; quad < memory.headQuads(); ++quad)
    probabilities.append(loadElements(b, b.getF32Type(), 4, scorePlace(quad, key), 16));
  for (int64_t p = 0; p < pieces.perLane(); ++p) {
    Value piece = minimum(b, sum(b, firstPiece, p * pieces.lanes()), lastPiece);
    Value pointer = elementPointer(b, keyElement, value, product(b, piece, pieces.elements));
    SmallVector<Value> part = loadElements(b, keyElement, pieces.elements, pointer, pieces.bytes);
    for (int64_t head = 0; head < memory.heads; ++head)
      for (auto [total, element] : llvm::zip_equal(outputOf(head, p), part))
        total = math::FmaOp::create(b, probabilities[head], element, total);
  }
}

void DecodeWarp::store() {
  auto add = [&](Value x, Value y) { return arith::AddFOp::create(b, x, y).getResult(); };
  for (Value &total : sums)
    total = reduceLanes(b, total, kWarpLanes, add);
  for (Value &total : output)
    for (int64_t distance = pieces.lanes(); distance < kWarpLanes; distance *= 2)
      total = add(total, shuffleXor(b, total, distance));
  Value firstHead = product(b, frame.warp(), memory.heads), zero = constantIndex(b, 0);
  ifTrue(b, arith::CmpIOp::create(b, arith::CmpIPredicate::eq, frame.lane(), zero), [&] {
    for (int64_t head = 0; head < memory.heads; ++head) {
      Value number = sum(b, firstHead, head);
      mlir::qvl::store(b, maxima[head], shared(memory.maximaAt(), number));
      mlir::qvl::store(b, sums[head], shared(memory.sumsAt(), number));
    }
  });
  storeOutput(firstHead);
}

void DecodeWarp::storeOutput(Value firstHead) {
  for (int64_t p = 0; p < pieces.perLane(); ++p) {
    Value piece = sum(b, frame.lane(), p * pieces.lanes());
    Value limit = constantIndex(b, std::min(pieces.count, (p + 1) * pieces.lanes()));
    ifTrue(b, arith::CmpIOp::create(b, arith::CmpIPredicate::slt, piece, limit), [&] {
      for (int64_t head = 0; head < memory.heads; ++head) {
        Value line = product(b, sum(b, firstHead, head), memory.lineElements());
        Value place = sum(b, line, product(b, piece, pieces.elements));
        storeElements(b, outputOf(head, p), b.getF32Type(), shared(memory.outputAt(), place),
                      pieces.wideAlignment());
      }
    });
  }
}

SmallVector<Value> DecodeWarp::state() const {
  SmallVector<Value> values(maxima);
  values.append(sums);
  values.append(output);
  return values;
}

void DecodeWarp::setState(ArrayRef<Value> values) {
  for (SmallVector<Value> *part : {&maxima, &sums, &output}) {
    llvm::copy(values.take_front(part->size()), part->begin());
    values = values.drop_front(part->size());
  }
}

} // namespace mlir::qvl
