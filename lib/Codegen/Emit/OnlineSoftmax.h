// The online softmax of attention, one block of keys after another.
#pragma once

#include "AttentionTiles.h"
#include "qvl/Codegen/TileTarget.h"

#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace mlir::qvl {

/// One block of keys of a head. They lie transposed, so that the lanes of a vector are keys; lanes
/// behind `count` are read but do not count, whatever they hold.
struct KeyBlock {
  Value keys;   // [head_dim][stride], or words [scoreDepth][stride]
  Type element; // f32, also for words of two bf16, or bf16
  int64_t stride;
  Value first; // number of the block's first key among those whose scores are kept
  Value count; // from 1 to kKeyBlock
};

/// Values of a head, those of the keys whose scores are kept.
struct ValueRows {
  Value values; // [count][stride], only head_dim elements of a row are read
  Type element; // f32 or bf16
  int64_t stride;
  Value count; // from 1 to the layout's scoreKeys
};

/// Query rows that go through keys together. All rows are computed, so they must be readable.
struct QueryRows {
  Value queries; // f32 or words of two bf16 [rows][stride]
  int64_t stride;
  Value first; // number of the first row among the rows of the state
  int64_t rows;
};

/// Emits the steps of `softmax(scale · q·kᵀ)·v` for rows whose state (maximum, sum and weighted sum
/// of values) lives in scratch memory. Every row runs the same instructions on its own state, so
/// its result depends on its own query and keys only (contract C10). Rows whose keys come whole
/// start with their probabilities instead of joining them to the state of no keys; for one block
/// of keys that gives the same bits.
///
/// In pairs, both products are those of pairs of bf16 (TileTarget::addPairProducts()): queries come
/// as words of two neighbouring elements of a head, keys as such words or in bf16, values in bf16,
/// and probabilities are rounded to bf16 as the reference does. Sums stay in f32.
class OnlineSoftmax {
public:
  OnlineSoftmax(ImplicitLocOpBuilder &b, const TileTarget &target, AttentionScratch layout,
                Value scratch, double scale, KeyArrival arrival = KeyArrival::Streamed,
                bool inPairs = false)
      : b(b), target(target), layout(layout), scratch(scratch), scale(scale), arrival(arrival),
        inPairs(inPairs) {}

  /// The state of no keys for rows [0, rows).
  void reset(Value rows);
  /// Keeps the scores of some rows with a block of keys.
  void addScores(const QueryRows &rows, const KeyBlock &block);
  /// Adds the values of all keys whose scores are kept, from number 0 on: of a block, or of all of
  /// the rows' keys when they come whole.
  void addValues(const QueryRows &rows, const ValueRows &values);
  /// Stores the result of rows [0, rows): row `r` at `result + r * stride`, head_dim elements each,
  /// of type `element`.
  void finish(Value rows, Value result, Type element, int64_t stride);

  /// Terms of a score: elements of a head, or pairs of them.
  int64_t scoreDepth() const { return inPairs ? layout.headDim / 2 : layout.headDim; }
  /// Vectors of a row of `size` elements, the last of which may be partial.
  int64_t vectorsOf(int64_t size) const { return llvm::divideCeil(size, target.lanes()); }
  /// Loads vector `vector` of a row of `size` elements of type `element` as f32; lanes behind its
  /// end are zero and not read.
  Value loadRow(Value row, Type element, int64_t size, int64_t vector);
  /// A place in scratch memory: element `row * stride` of a part.
  Value scratchRow(int64_t part, Value row, int64_t stride);

private:
  VectorType vectorType() const { return target.vectorType(b.getContext()); }
  int64_t headVectors() const { return vectorsOf(layout.headDim); }
  /// The lanes of a vector that are inside of a row, null when all are.
  Value rowMask(int64_t size, int64_t vector);
  Type probabilityType() { return inPairs ? Type(b.getBF16Type()) : b.getF32Type(); }
  Value multiplyAdd(Value x, Value y, Value sums);
  void emitScoreTile(const QueryRows &rows, const KeyBlock &block, Value firstKey);
  void emitProbabilities(Value row, Value count);
  struct KeptScores; // of one row
  struct ScoreVector;
  Value reduceScores(const KeptScores &kept, Value initial,
                     llvm::function_ref<Value(const ScoreVector &, Value)> combine);
  Value largestScores(const KeptScores &kept);
  Value storeProbabilities(const KeptScores &kept, Value maxima);
  void storeProbability(const KeptScores &kept, Value key, Value probability);
  void joinState(Value row, const KeptScores &kept, Value maximumOfBlock);
  void rescale(Value row, Value decay, Value total);
  void emitValues(const QueryRows &rows, const ValueRows &block, int64_t firstVector,
                  int64_t vectors);
  void addKeys(const QueryRows &rows, Value key, ArrayRef<Value> values,
               MutableArrayRef<Value> sums);
  Value keyVector(const KeyBlock &block, Value term, Value firstKey, int64_t vector);
  Value joinPairs(Value even, Value odd);
  enum class KeyStep { Single, Pair, Last }; // the last of an odd number of keys
  Value valueVector(const ValueRows &block, Value key, int64_t vector, KeyStep step);

  ImplicitLocOpBuilder &b;
  const TileTarget &target;
  AttentionScratch layout;
  Value scratch;
  double scale;
  KeyArrival arrival;
  bool inPairs;
};

} // namespace mlir::qvl
