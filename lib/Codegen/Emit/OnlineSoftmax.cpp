#include "OnlineSoftmax.h"

#include "Loops.h"

#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

#include <limits>

namespace mlir::qvl {
namespace {

using Combine = llvm::function_ref<Value(Value, Value)>;

/// The larger of two numbers that are not NaN: one instruction, unlike maximumf.
Value larger(ImplicitLocOpBuilder &b, Value lhs, Value rhs) {
  Value greater = arith::CmpFOp::create(b, arith::CmpFPredicate::OGT, lhs, rhs);
  return arith::SelectOp::create(b, greater, lhs, rhs);
}

/// Combines the lanes of a vector, halves first, in a fixed order.
Value combineLanes(ImplicitLocOpBuilder &b, Value vector, Combine combine) {
  for (int64_t lanes = cast<VectorType>(vector.getType()).getDimSize(0); lanes > 1; lanes /= 2) {
    Value low =
        vector::ExtractStridedSliceOp::create(b, vector, ArrayRef<int64_t>{0}, lanes / 2, 1);
    Value high = vector::ExtractStridedSliceOp::create(b, vector, ArrayRef<int64_t>{lanes / 2},
                                                       lanes / 2, 1);
    vector = combine(low, high);
  }
  return vector::ExtractOp::create(b, vector, 0);
}

} // namespace

Value OnlineSoftmax::rowMask(int64_t size, int64_t vector) {
  int64_t left = size - vector * target.lanes();
  return left >= target.lanes() ? Value() : laneMask(b, target.lanes(), constantIndex(b, left));
}

Value OnlineSoftmax::loadRow(Value row, Type element, int64_t size, int64_t vector) {
  Value pointer = elementPointer(b, element, row, vector * target.lanes());
  return loadFloats(b, vectorType(), element, pointer, rowMask(size, vector));
}

/// `sums + x · y`, by lane or by pair of bf16 in a lane.
Value OnlineSoftmax::multiplyAdd(Value x, Value y, Value sums) {
  if (!inPairs)
    return math::FmaOp::create(b, x, y, sums);
  auto pairs = VectorType::get({2 * target.lanes()}, b.getBF16Type());
  return target.addPairProducts(b, vector::BitCastOp::create(b, pairs, x),
                                vector::BitCastOp::create(b, pairs, y), sums);
}

Value OnlineSoftmax::scratchRow(int64_t part, Value row, int64_t stride) {
  return elementPointer(b, b.getF32Type(), scratch, sum(b, product(b, row, stride), part));
}

void OnlineSoftmax::reset(Value rows) {
  if (arrival == KeyArrival::Whole)
    return;
  Value zero = constantFloat(b, vectorType(), 0.0);
  Value lowest = constantFloat(b, b.getF32Type(), -std::numeric_limits<double>::infinity());
  forLoop(b, constantIndex(b, 0), rows, 1, [&](Value row) {
    Value output = scratchRow(layout.output(), row, layout.paddedHeadDim());
    for (int64_t v = 0; v < headVectors(); ++v)
      store(b, zero, elementPointer(b, b.getF32Type(), output, v * target.lanes()));
    store(b, zero, scratchRow(layout.sums(), row, kWidestLanes));
    store(b, lowest, scratchRow(layout.maxima(), row, 1));
  });
}

void OnlineSoftmax::addScores(const QueryRows &rows, const KeyBlock &block) {
  int64_t tileKeys = target.attentionForm().vectors * target.lanes();
  forLoop(b, constantIndex(b, 0), block.count, tileKeys,
          [&](Value firstKey) { emitScoreTile(rows, block, firstKey); });
}

void OnlineSoftmax::addValues(const QueryRows &rows, const ValueRows &values) {
  forLoop(b, rows.first, sum(b, rows.first, rows.rows), 1,
          [&](Value row) { emitProbabilities(row, values.count); });
  int64_t vectors = target.attentionForm().vectors;
  for (int64_t first = 0; first < headVectors(); first += vectors)
    emitValues(rows, values, first, std::min(vectors, headVectors() - first));
}

/// Scores of all rows with a few vectors of keys: one chain over the ascending head each.
void OnlineSoftmax::emitScoreTile(const QueryRows &rows, const KeyBlock &block, Value firstKey) {
  Type f32 = b.getF32Type();
  int64_t vectors = target.attentionForm().vectors, lanes = target.lanes();
  SmallVector<Value> zeros(rows.rows * vectors, constantFloat(b, vectorType(), 0.0));
  auto addProducts = [&](Value term, MutableArrayRef<Value> scores) {
    Value queries = elementPointer(b, f32, rows.queries, term);
    SmallVector<Value> k;
    for (int64_t v = 0; v < vectors; ++v)
      k.push_back(keyVector(block, term, firstKey, v));
    for (int64_t r = 0; r < rows.rows; ++r) {
      Value q = load(b, f32, elementPointer(b, f32, queries, r * rows.stride));
      Value qs = vector::BroadcastOp::create(b, vectorType(), q);
      for (int64_t v = 0; v < vectors; ++v)
        scores[r * vectors + v] = multiplyAdd(qs, k[v], scores[r * vectors + v]);
    }
  };
  SmallVector<Value> scores =
      forLoop(b, constantIndex(b, 0), constantIndex(b, scoreDepth()), 1, zeros, addProducts);
  Value factor = constantFloat(b, vectorType(), scale);
  for (int64_t r = 0; r < rows.rows; ++r) {
    Value row = scratchRow(layout.scores(), sum(b, rows.first, r), layout.scoreKeys);
    Value target = elementPointer(b, f32, row, sum(b, block.first, firstKey));
    for (int64_t v = 0; v < vectors; ++v) {
      Value scaled = arith::MulFOp::create(b, scores[r * vectors + v], factor);
      store(b, scaled, elementPointer(b, f32, target, v * lanes));
    }
  }
}

/// A term of some keys: an element of each, or a pair.
Value OnlineSoftmax::keyVector(const KeyBlock &block, Value term, Value firstKey, int64_t vector) {
  auto elementsOf = [&](Value row) {
    Value keys = elementPointer(b, block.element, block.keys,
                                sum(b, product(b, row, block.stride), firstKey));
    return loadFloats(b, vectorType(), block.element,
                      elementPointer(b, block.element, keys, vector * target.lanes()));
  };
  if (!inPairs || block.element.isF32())
    return elementsOf(term);
  Value even = product(b, term, 2);
  return joinPairs(elementsOf(even), elementsOf(sum(b, even, 1)));
}

/// Words of two bf16, which come in f32: the even ones in the low halves, the odd ones, or zeros,
/// in the high halves.
Value OnlineSoftmax::joinPairs(Value even, Value odd) {
  VectorType words = vectorType().clone(b.getI32Type());
  auto bitsOf = [&](Value floats) { return arith::BitcastOp::create(b, words, floats); };
  // A bf16 is the high half of its f32.
  Value sixteen = arith::ConstantOp::create(b, DenseElementsAttr::get(words, APInt(32, 16)));
  Value pairs = arith::ShRUIOp::create(b, bitsOf(even), sixteen);
  if (odd)
    pairs = arith::OrIOp::create(b, pairs, bitsOf(odd));
  return arith::BitcastOp::create(b, vectorType(), pairs);
}

/// The scores of a row, of which the first `count` are those of keys.
struct OnlineSoftmax::KeptScores {
  Value scores, count;
};

/// The scores of some keys from number `key` on, minus infinity behind the last key.
struct OnlineSoftmax::ScoreVector {
  Value key, mask, scores;
};

/// Combines all vectors of scores in ascending order, a block of keys at a time.
Value OnlineSoftmax::reduceScores(const KeptScores &kept, Value initial,
                                  llvm::function_ref<Value(const ScoreVector &, Value)> combine) {
  int64_t lanes = target.lanes();
  Value lowest = constantFloat(b, vectorType(), -std::numeric_limits<double>::infinity());
  auto combineBlock = [&](Value first, MutableArrayRef<Value> result) {
    Value left = difference(b, kept.count, first);
    for (int64_t v = 0; v < kKeyBlock / lanes; ++v) {
      Value key = sum(b, first, v * lanes);
      Value mask = laneMask(b, lanes, sum(b, left, -v * lanes));
      Value loaded = load(b, vectorType(), elementPointer(b, b.getF32Type(), kept.scores, key));
      Value scores = arith::SelectOp::create(b, mask, loaded, lowest);
      result.front() = combine({key, mask, scores}, result.front());
    }
  };
  Value zero = constantIndex(b, 0);
  if (layout.scoreKeys > kKeyBlock)
    return forLoop(b, zero, kept.count, kKeyBlock, initial, combineBlock).front();
  combineBlock(zero, initial);
  return initial;
}

Value OnlineSoftmax::largestScores(const KeptScores &kept) {
  Value lowest = constantFloat(b, vectorType(), -std::numeric_limits<double>::infinity());
  return reduceScores(kept, lowest, [&](const ScoreVector &vector, Value highest) {
    return larger(b, highest, vector.scores);
  });
}

/// Replaces scores by exp(score - maximum), zero behind the last key, and returns their sums lane
/// by lane.
Value OnlineSoftmax::storeProbabilities(const KeptScores &kept, Value maxima) {
  Value zero = constantFloat(b, vectorType(), 0.0);
  return reduceScores(kept, zero, [&](const ScoreVector &vector, Value total) {
    Value exponential = math::ExpOp::create(b, arith::SubFOp::create(b, vector.scores, maxima));
    Value probability = arith::SelectOp::create(b, vector.mask, exponential, zero);
    storeProbability(kept, vector.key, probability);
    return arith::AddFOp::create(b, total, probability).getResult();
  });
}

/// Stores a vector in the place of the scores. In pairs they take the first half of it, so vectors
/// in ascending order replace scores that are used already.
void OnlineSoftmax::storeProbability(const KeptScores &kept, Value key, Value probability) {
  Value pointer = elementPointer(b, probabilityType(), kept.scores, key);
  storeFloats(b, probability, probabilityType(), pointer);
}

/// Turns the kept scores of a row into probabilities, and brings the sum and the weighted sum of
/// values to the new maximum.
void OnlineSoftmax::emitProbabilities(Value row, Value count) {
  KeptScores kept{scratchRow(layout.scores(), row, layout.scoreKeys), count};
  Value maximum =
      combineLanes(b, largestScores(kept), [&](Value x, Value y) { return larger(b, x, y); });
  if (arrival == KeyArrival::Streamed)
    return joinState(row, kept, maximum);
  Value maxima = vector::BroadcastOp::create(b, vectorType(), maximum);
  store(b, storeProbabilities(kept, maxima), scratchRow(layout.sums(), row, kWidestLanes));
}

/// Adds a block with the largest score `maximumOfBlock` to the state of the blocks before.
void OnlineSoftmax::joinState(Value row, const KeptScores &kept, Value maximumOfBlock) {
  Value pointer = scratchRow(layout.maxima(), row, 1);
  Value before = load(b, b.getF32Type(), pointer);
  Value maximum = larger(b, before, maximumOfBlock);
  store(b, maximum, pointer);
  Value maxima = vector::BroadcastOp::create(b, vectorType(), maximum);
  Value total = storeProbabilities(kept, maxima);
  Value previous = vector::BroadcastOp::create(b, vectorType(), before);
  rescale(row, math::ExpOp::create(b, arith::SubFOp::create(b, previous, maxima)), total);
}

/// Brings the sums of a row to a new maximum, by the factor `decay`, and adds the block's
/// probabilities.
void OnlineSoftmax::rescale(Value row, Value decay, Value total) {
  Value sumPointer = scratchRow(layout.sums(), row, kWidestLanes);
  store(b, math::FmaOp::create(b, load(b, vectorType(), sumPointer), decay, total), sumPointer);
  Value output = scratchRow(layout.output(), row, layout.paddedHeadDim());
  for (int64_t v = 0; v < headVectors(); ++v) {
    Value pointer = elementPointer(b, b.getF32Type(), output, v * target.lanes());
    store(b, arith::MulFOp::create(b, load(b, vectorType(), pointer), decay), pointer);
  }
}

/// Adds probability times value for some vectors of the head: one chain over ascending keys each.
void OnlineSoftmax::emitValues(const QueryRows &rows, const ValueRows &block, int64_t firstVector,
                               int64_t vectors) {
  SmallVector<Value> pointers, sums;
  for (int64_t r = 0; r < rows.rows; ++r) {
    Value output = scratchRow(layout.output(), sum(b, rows.first, r), layout.paddedHeadDim());
    for (int64_t v = 0; v < vectors; ++v) {
      int64_t column = (firstVector + v) * target.lanes();
      pointers.push_back(elementPointer(b, b.getF32Type(), output, column));
      sums.push_back(arrival == KeyArrival::Whole ? constantFloat(b, vectorType(), 0.0)
                                                  : load(b, vectorType(), pointers.back()));
    }
  }
  auto add = [&](Value begin, Value end, KeyStep step) {
    sums = forLoop(b, begin, end, step == KeyStep::Single ? 1 : 2, sums,
                   [&](Value key, MutableArrayRef<Value> carried) {
                     SmallVector<Value> values;
                     for (int64_t v = 0; v < vectors; ++v)
                       values.push_back(valueVector(block, key, firstVector + v, step));
                     addKeys(rows, key, values, carried);
                   });
  };
  Value zero = constantIndex(b, 0), even = roundDown(b, block.count, 2);
  if (inPairs) {
    add(zero, even, KeyStep::Pair);
    add(even, block.count, KeyStep::Last);
  } else {
    add(zero, block.count, KeyStep::Single);
  }
  for (auto [pointer, value] : llvm::zip_equal(pointers, sums))
    store(b, value, pointer);
}

/// Adds the products of all rows' probabilities of a key, or of a pair, with its vectors of values.
void OnlineSoftmax::addKeys(const QueryRows &rows, Value key, ArrayRef<Value> values,
                            MutableArrayRef<Value> sums) {
  for (int64_t r = 0; r < rows.rows; ++r) {
    Value scores = scratchRow(layout.scores(), sum(b, rows.first, r), layout.scoreKeys);
    Value p = load(b, b.getF32Type(), elementPointer(b, probabilityType(), scores, key));
    Value ps = vector::BroadcastOp::create(b, vectorType(), p);
    for (size_t v = 0; v < values.size(); ++v) {
      Value &chain = sums[r * values.size() + v];
      chain = multiplyAdd(ps, values[v], chain);
    }
  }
}

/// A vector of a head, or of pairs: each element beside that of the next key, in words. The last
/// key of an odd number stands beside zeros: there is no row behind it, and the probability there
/// is zero.
Value OnlineSoftmax::valueVector(const ValueRows &block, Value key, int64_t vector, KeyStep step) {
  auto valuesOf = [&](Value key) {
    Value head = elementPointer(b, block.element, block.values, product(b, key, block.stride));
    return loadRow(head, block.element, layout.headDim, vector);
  };
  if (step == KeyStep::Single)
    return valuesOf(key);
  return joinPairs(valuesOf(key), step == KeyStep::Pair ? valuesOf(sum(b, key, 1)) : Value());
}

void OnlineSoftmax::finish(Value rows, Value result, Type element, int64_t stride) {
  Type f32 = b.getF32Type();
  forLoop(b, constantIndex(b, 0), rows, 1, [&](Value row) {
    Value lanes = load(b, vectorType(), scratchRow(layout.sums(), row, kWidestLanes));
    Value total =
        combineLanes(b, lanes, [&](Value x, Value y) { return arith::AddFOp::create(b, x, y); });
    Value totals = vector::BroadcastOp::create(b, vectorType(), total);
    Value output = scratchRow(layout.output(), row, layout.paddedHeadDim());
    Value resultRow = elementPointer(b, element, result, product(b, row, stride));
    for (int64_t v = 0; v < headVectors(); ++v) {
      Value weighted = load(b, vectorType(), elementPointer(b, f32, output, v * target.lanes()));
      Value quotient = arith::DivFOp::create(b, weighted, totals);
      Value pointer = elementPointer(b, element, resultRow, v * target.lanes());
      storeFloats(b, quotient, element, pointer, rowMask(layout.headDim, v));
    }
  });
}

} // namespace mlir::qvl
