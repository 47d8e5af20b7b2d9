// The online softmax of attention, one block of keys after another.
#pragma once

#include "AttentionTiles.h"
#include "qvl/Codegen/TileTarget.h"

#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace mlir::qvl {

/// One block of at most kKeyBlock keys and values of a head. Keys lie transposed, so that the lanes
/// of a vector are keys; lanes behind `count` are read but do not count, whatever they hold.
struct KeyBlock {
  Value keys;      // [head_dim][keyStride]
  Type keyElement; // f32 or bf16
  int64_t keyStride;
  Value values;      // [count][valueStride], only head_dim elements of a row are read
  Type valueElement; // f32 or bf16
  int64_t valueStride;
  Value count; // from 1 to kKeyBlock
};

/// Query rows that go through a block together. All rows are computed, so they must be readable.
struct QueryRows {
  Value queries; // f32 [rows][stride]
  int64_t stride;
  Value first; // number of the first row among the rows of the state
  int64_t rows;
};

/// How many blocks of keys a row meets between reset() and finish().
enum class KeyBlocks { One, Many };

/// Emits the steps of `softmax(scale · q·kᵀ)·v` for rows whose state (maximum, sum and weighted sum
/// of values) lives in scratch memory. Every row runs the same instructions on its own state, so
/// its result depends on its own query and keys only (contract C10). Rows that meet one block start
/// with it instead of adding it to the state of no keys, which gives the same bits.
class OnlineSoftmax {
public:
  OnlineSoftmax(ImplicitLocOpBuilder &b, const TileTarget &target, AttentionScratch layout,
                Value scratch, double scale, KeyBlocks blocks = KeyBlocks::Many)
      : b(b), target(target), layout(layout), scratch(scratch), scale(scale), blocks(blocks) {}

  /// The state of no keys for rows [0, rows).
  void reset(Value rows);
  /// Adds a block of keys to the state of some rows.
  void addBlock(const QueryRows &rows, const KeyBlock &block);
  /// Stores the result of rows [0, rows): row `r` at `result + r * stride`, head_dim elements each,
  /// of type `element`.
  void finish(Value rows, Value result, Type element, int64_t stride);

  /// Vectors of a head, the last of which may be partial, and the mask of the elements of vector
  /// `v` (null when all count).
  int64_t headVectors() const { return llvm::divideCeil(layout.headDim, target.lanes()); }
  Value headMask(int64_t vector);
  /// Loads vector `v` of a head of type `element` as f32; lanes behind its end are zero and not
  /// read.
  Value loadHead(Value head, Type element, int64_t vector);
  /// A place in scratch memory: element `row * stride` of a part.
  Value scratchRow(int64_t part, Value row, int64_t stride);

private:
  VectorType vectorType() const { return target.vectorType(b.getContext()); }
  void emitScores(const QueryRows &rows, const KeyBlock &block);
  void emitScoreTile(const QueryRows &rows, const KeyBlock &block, Value firstKey);
  void emitProbabilities(const QueryRows &rows, Value count);
  void emitProbabilitiesOfRow(Value row, Value count);
  struct MaskedScores; // of one row
  void joinState(Value row, const MaskedScores &block, Value blockMaximum);
  Value storeProbabilities(const MaskedScores &block, Value maxima);
  void rescale(Value row, Value decay, Value total);
  void emitValues(const QueryRows &rows, const KeyBlock &block, int64_t firstVector,
                  int64_t vectors);

  ImplicitLocOpBuilder &b;
  const TileTarget &target;
  AttentionScratch layout;
  Value scratch;
  double scale;
  KeyBlocks blocks;
};

} // namespace mlir::qvl
