// Sizes of attention tiles and the scratch memory they need.
#pragma once

#include "dialects/qvl/IR/Qvl.h"

#include "llvm/Support/MathExtras.h"

#include <cstdint>

namespace mlir::qvl {

/// Keys of one block of the online softmax: the same in every form, so that a row's result depends
/// on its own keys only (contract C10).
inline constexpr int64_t kKeyBlock = 64;
/// The longest window whose scores are kept whole, so that nothing is rescaled: windows of 12 x 12
/// patches have 144 rows.
inline constexpr int64_t kLongestWindow = 3 * kKeyBlock;
/// Rows of a tile of segment attention and of attention over the cache.
inline constexpr int64_t kAttentionRows = 64;
inline constexpr int64_t kCachedAttentionRows = 8;
/// Lanes of the widest vector register: rows of the scratch memory are padded to it.
inline constexpr int64_t kWidestLanes = 16;

/// How a row's keys come to the softmax: all of them, when their number has a bound that is small
/// enough (windows), or block by block, each joined to a state of those before.
enum class KeyArrival { Whole, Streamed };

inline KeyArrival keyArrival(AttentionOp op) {
  return op.getMaxRows() && *op.getMaxRows() <= kLongestWindow ? KeyArrival::Whole
                                                               : KeyArrival::Streamed;
}

/// Whether both products of an attention can go by pairs of bf16: along the head for scores, along
/// the keys for values.
inline bool attendsInPairs(AttentionOp op) {
  auto type = op.getQuery().getType();
  return type.getElementType().isBF16() && type.getDimSize(2) % 2 == 0;
}
inline bool attendsInPairs(CachedAttentionOp op) {
  auto type = op.getQuery().getType();
  return type.getElementType().isBF16() && op.getCache().getType().getElement().isBF16() &&
         type.getDimSize(2) % 2 == 0;
}

/// Scratch memory of an attention tile in f32 elements. Every part starts at a multiple of 64
/// bytes.
struct AttentionScratch {
  int64_t rows; // query rows whose state is kept
  int64_t headDim;
  int64_t scoreKeys;  // keys of a row whose scores are kept: whole blocks
  bool copiesQueries; // to pad them (segment attention) or to widen them (bf16)
  bool copiesKeys;    // segment attention: keys are transposed

  static AttentionScratch of(AttentionOp op) {
    bool isWhole = keyArrival(op) == KeyArrival::Whole;
    int64_t keys = isWhole ? llvm::alignTo(*op.getMaxRows(), kKeyBlock) : kKeyBlock;
    return {kAttentionRows, op.getQuery().getType().getDimSize(2), keys, true, true};
  }
  static AttentionScratch of(CachedAttentionOp op) {
    auto query = op.getQuery().getType();
    return {query.getDimSize(1) / op.getCache().getType().getKvHeads(), query.getDimSize(2),
            kKeyBlock, query.getElementType().isBF16(), false};
  }

  int64_t paddedHeadDim() const { return llvm::alignTo(headDim, kWidestLanes); }

  /// [rows][scoreKeys]: scores, then probabilities.
  int64_t scores() const { return 0; }
  /// [rows][paddedHeadDim]: sums of values weighted by exp(score - maximum).
  int64_t output() const { return rows * scoreKeys; }
  /// [rows][kWidestLanes]: sums of exp(score - maximum), one per lane.
  int64_t sums() const { return output() + rows * paddedHeadDim(); }
  /// [rows] maxima of the scores, padded.
  int64_t maxima() const { return sums() + rows * kWidestLanes; }
  /// [rows][paddedHeadDim]: queries of the tile.
  int64_t queries() const { return maxima() + llvm::alignTo(rows, kWidestLanes); }
  /// [headDim][kKeyBlock]: keys of the block.
  int64_t keys() const { return queries() + rows * paddedHeadDim(); }

  int64_t bytes() const {
    int64_t elements = copiesQueries ? keys() : queries();
    return 4 * (copiesKeys ? keys() + headDim * kKeyBlock : elements);
  }
};

} // namespace mlir::qvl
