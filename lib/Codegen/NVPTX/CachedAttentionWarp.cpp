#include "CachedAttentionWarp.h"

#include "../Emit/Loops.h"
#include "AttentionVectors.h"

#include <limits>

namespace mlir::qvl {
namespace {

constexpr int64_t kOutputs = 32; // of a lane, if pieces of values can be as small as that takes
constexpr int64_t kMostRegisters = 192; // for state, keys and values, of 255
constexpr int64_t kWarpKeys = DecodeMemory::kWarpKeys;
constexpr int64_t kKeyLanes = kWarpLanes / kWarpKeys; // lanes that share a key

/// Combines the values of all keys: of lanes with the same place in their keys.
template <typename Combine>
Value acrossKeys(ImplicitLocOpBuilder &b, Value value, const Combine &combine) {
  for (int64_t distance = kKeyLanes; distance < kWarpLanes; distance *= 2)
    value = combine(value, shuffleXor(b, value, distance));
  return value;
}

/// Halves pieces of values, as long as that gives more lanes a piece, until the sums of values of a
/// lane are few. A warp still reads whole values, but registers are for two blocks.
HeadPieces valuePiecesOf(const DecodeMemory &memory, Type element) {
  HeadPieces pieces(HeadTile(memory.headDim, element));
  while (memory.heads * pieces.perLane() * pieces.elements > kOutputs &&
         2 * pieces.count <= kWarpLanes && pieces.elements % 2 == 0)
    pieces = pieces.halved();
  return pieces;
}

} // namespace

DecodeWarp::DecodeWarp(BlockFrame &frame, const DecodeMemory &memory, Type keyElement,
                       const AttentionExponential &exponential)
    : frame(frame), b(frame.builder()), memory(memory), keyElement(keyElement),
      keyPieces(HeadTile(memory.headDim, keyElement)),
      valuePieces(valuePiecesOf(memory, keyElement)), exponential(exponential) {}

void DecodeWarp::reset() {
  maxima.assign(memory.heads, scalar(-std::numeric_limits<double>::infinity()));
  sums.assign(memory.heads, scalar(0));
  output.assign(memory.heads * valuePieces.perLane() * valuePieces.elements, scalar(0));
}

/// Everything is read before anything is computed: the time of a short context is that of its
/// reads. Probabilities go through shared memory, because keys and values are dealt to lanes
/// differently.
void DecodeWarp::addKeys(const KeysInMemory &keys, Value count) {
  Value last = difference(b, count, constantIndex(b, 1));
  SmallVector<Value> key = loadKey(keys, last), values;
  if (registers() <= kMostRegisters)
    values = loadValues(keys, last);
  SmallVector<Value> probabilities = scores(key);
  if (values.empty()) // Registers of the key are free by now.
    values = loadValues(keys, last);
  joinScores(probabilities, count);
  storeProbabilities(probabilities);
  synchronizeWarp(b);
  addValues(values);
  synchronizeWarp(b); // the next probabilities take the place of these
}

/// The probabilities of four heads for a key of the warp.
Value DecodeWarp::probabilityPlace(int64_t quad, Value key) {
  Value ofWarp = product(b, frame.warp(), memory.probabilityBytes() / 4);
  Value ofKey = sum(b, product(b, key, 4), 4 * kWarpKeys * quad);
  return shared(memory.probabilitiesAt(), sum(b, ofWarp, ofKey));
}

/// The lane's pieces of its key: four lanes read a key, neighbouring pieces at a time. Behind the
/// last key the last one is read again: what lies there may never have been written.
SmallVector<Value> DecodeWarp::loadKey(const KeysInMemory &keys, Value last) {
  Value key = minimum(b, quotient(b, frame.lane(), kKeyLanes), last);
  Value start = elementPointer(b, keyElement, keys.keys, product(b, key, keys.stride));
  SmallVector<Value> parts;
  for (int64_t first = 0; first < keyPieces.count; first += kKeyLanes) {
    Value pointer = elementPointer(b, keyElement, start, keyColumn(first));
    parts.push_back(loadVector(b, keyElement, keyPieces.elements, pointer, keyPieces.bytes));
  }
  return parts;
}

/// Where the lane's piece among the pieces from `first` on begins in a head: the last one for lanes
/// that have none.
Value DecodeWarp::keyColumn(int64_t first) {
  Value piece = sum(b, remainder(b, frame.lane(), kKeyLanes), first);
  if (first + kKeyLanes > keyPieces.count)
    piece = minimum(b, piece, constantIndex(b, keyPieces.count - 1));
  return product(b, piece, keyPieces.elements);
}

/// Products of all heads with the lane's key; each of its lanes has them.
SmallVector<Value> DecodeWarp::scores(ArrayRef<Value> key) {
  SmallVector<Value> products(memory.heads, scalar(0));
  for (auto [round, part] : llvm::enumerate(key)) {
    auto first = static_cast<int64_t>(round) * kKeyLanes;
    SmallVector<Value> elements = wideElements(b, part);
    if (first + kKeyLanes > keyPieces.count) {
      Value lane = remainder(b, frame.lane(), kKeyLanes);
      Value limit = constantIndex(b, keyPieces.count - first);
      Value exists = arith::CmpIOp::create(b, arith::CmpIPredicate::slt, lane, limit);
      for (Value &element : elements)
        element = arith::SelectOp::create(b, exists, element, scalar(0));
    }
    addProducts(keyColumn(first), elements, products);
  }
  auto add = [&](Value x, Value y) { return arith::AddFOp::create(b, x, y).getResult(); };
  for (Value &value : products)
    value = reduceLanes(b, value, kKeyLanes, add);
  return products;
}

/// Adds the products of one piece of every head with the same piece of the lane's key.
void DecodeWarp::addProducts(Value column, ArrayRef<Value> key, MutableArrayRef<Value> sums) {
  for (auto [head, total] : llvm::enumerate(sums)) {
    auto line = static_cast<int64_t>(head) * memory.lineElements();
    SmallVector<Value> query =
        loadElements(b, b.getF32Type(), keyPieces.elements,
                     shared(memory.queriesAt(), sum(b, column, line)), keyPieces.wideAlignment());
    for (auto [q, k] : llvm::zip_equal(query, key))
      total = math::FmaOp::create(b, q, k, total);
  }
}

/// Turns the lane's scores, one a head, into probabilities: zero for a key that does not exist.
void DecodeWarp::joinScores(MutableArrayRef<Value> scores, Value count) {
  Value key = quotient(b, frame.lane(), kKeyLanes);
  Value exists = arith::CmpIOp::create(b, arith::CmpIPredicate::slt, key, count);
  for (auto [head, score] : llvm::enumerate(scores))
    joinHead(static_cast<int64_t>(head), score, exists);
}

/// Brings the head's state to the maximum of the warp's keys, one of which exists, so that it is a
/// number.
void DecodeWarp::joinHead(int64_t head, Value &score, Value exists) {
  auto larger = [&](Value x, Value y) { return arith::MaxNumFOp::create(b, x, y).getResult(); };
  Value scaled = arith::MulFOp::create(b, score, scalar(exponential.scale()));
  Value lowest = scalar(-std::numeric_limits<double>::infinity());
  score = arith::SelectOp::create(b, exists, scaled, lowest);
  Value maximum = larger(maxima[head], acrossKeys(b, score, larger));
  Value decay = exponential(b, arith::SubFOp::create(b, maxima[head], maximum));
  score = exponential(b, arith::SubFOp::create(b, score, maximum));
  sums[head] = math::FmaOp::create(b, sums[head], decay, score);
  maxima[head] = maximum;
  for (int64_t piece = 0; piece < valuePieces.perLane(); ++piece)
    for (Value &value : outputOf(head, piece))
      value = arith::MulFOp::create(b, value, decay);
}

void DecodeWarp::storeProbabilities(ArrayRef<Value> probabilities) {
  Value lane = remainder(b, frame.lane(), kKeyLanes), key = quotient(b, frame.lane(), kKeyLanes);
  Value isFirst = arith::CmpIOp::create(b, arith::CmpIPredicate::eq, lane, constantIndex(b, 0));
  ifTrue(b, isFirst, [&] {
    for (int64_t quad = 0; quad < memory.headQuads(); ++quad) {
      SmallVector<Value> heads(4, scalar(0));
      for (int64_t head : headsOf(quad))
        heads[head % 4] = probabilities[head];
      storeElements(b, heads, b.getF32Type(), probabilityPlace(quad, key), 16);
    }
  });
}

/// The lane's pieces of the values that it reads, [round][piece]: groups of lanes take every so
/// many-th one. Keys behind the last have probability zero and the value of the last; lanes without
/// a piece read the last one for nothing.
SmallVector<Value> DecodeWarp::loadValues(const KeysInMemory &keys, Value last) {
  Value group = quotient(b, frame.lane(), valuePieces.lanes());
  Value firstPiece = remainder(b, frame.lane(), valuePieces.lanes());
  Value lastPiece = constantIndex(b, valuePieces.count - 1);
  SmallVector<Value> parts;
  for (int64_t first = 0; first < kWarpKeys; first += valueGroups()) {
    Value key = minimum(b, sum(b, group, first), last);
    Value value = elementPointer(b, keyElement, keys.values, product(b, key, keys.stride));
    for (int64_t p = 0; p < valuePieces.perLane(); ++p) {
      Value piece = minimum(b, sum(b, firstPiece, p * valuePieces.lanes()), lastPiece);
      Value pointer = elementPointer(b, keyElement, value, product(b, piece, valuePieces.elements));
      parts.push_back(loadVector(b, keyElement, valuePieces.elements, pointer, valuePieces.bytes));
    }
  }
  return parts;
}

void DecodeWarp::addValues(ArrayRef<Value> values) {
  Value group = quotient(b, frame.lane(), valuePieces.lanes());
  for (int64_t first = 0; first < kWarpKeys; first += valueGroups()) {
    SmallVector<Value> probabilities = probabilitiesOf(sum(b, group, first));
    for (int64_t p = 0; p < valuePieces.perLane(); ++p, values = values.drop_front()) {
      SmallVector<Value> part = wideElements(b, values.front());
      for (int64_t head = 0; head < memory.heads; ++head)
        for (auto [total, element] : llvm::zip_equal(outputOf(head, p), part))
          total = math::FmaOp::create(b, probabilities[head], element, total);
    }
  }
}

/// The probabilities of all heads for a key. Where heads are so small that a warp could read more
/// values than it has keys, those behind are none.
SmallVector<Value> DecodeWarp::probabilitiesOf(Value key) {
  Value limit = constantIndex(b, kWarpKeys);
  Value place = valueGroups() > kWarpKeys ? minimum(b, key, constantIndex(b, kWarpKeys - 1)) : key;
  SmallVector<Value> probabilities;
  for (int64_t quad = 0; quad < memory.headQuads(); ++quad)
    probabilities.append(loadElements(b, b.getF32Type(), 4, probabilityPlace(quad, place), 16));
  if (valueGroups() > kWarpKeys) {
    Value exists = arith::CmpIOp::create(b, arith::CmpIPredicate::slt, key, limit);
    for (Value &probability : probabilities)
      probability = arith::SelectOp::create(b, exists, probability, scalar(0));
  }
  return probabilities;
}

void DecodeWarp::store() {
  auto add = [&](Value x, Value y) { return arith::AddFOp::create(b, x, y).getResult(); };
  for (Value &total : sums)
    total = acrossKeys(b, total, add);
  for (Value &total : output)
    for (int64_t distance = valuePieces.lanes(); distance < kWarpLanes; distance *= 2)
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
  for (int64_t p = 0; p < valuePieces.perLane(); ++p) {
    Value piece = sum(b, frame.lane(), p * valuePieces.lanes());
    Value limit = constantIndex(b, std::min(valuePieces.count, (p + 1) * valuePieces.lanes()));
    ifTrue(b, arith::CmpIOp::create(b, arith::CmpIPredicate::slt, piece, limit), [&] {
      for (int64_t head = 0; head < memory.heads; ++head) {
        Value line = product(b, sum(b, firstHead, head), memory.lineElements());
        Value place = sum(b, line, product(b, piece, valuePieces.elements));
        storeElements(b, outputOf(head, p), b.getF32Type(), shared(memory.outputAt(), place),
                      valuePieces.wideAlignment());
      }
    });
  }
}

int64_t DecodeWarp::registers() const {
  int64_t rounds = llvm::divideCeil(kWarpKeys, valueGroups());
  int64_t keyBytes = llvm::divideCeil(keyPieces.count, kKeyLanes) * keyPieces.bytes;
  int64_t valueBytes = rounds * valuePieces.perLane() * valuePieces.bytes;
  int64_t outputs = memory.heads * valuePieces.perLane() * valuePieces.elements;
  return 2 * memory.heads + outputs + (keyBytes + valueBytes) / 4;
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
