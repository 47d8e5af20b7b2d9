// Sizes of attention by thread blocks, and the shared memory that it needs.
#pragma once

#include "../Emit/AttentionTiles.h"

#include <algorithm>
#include <numeric>

namespace mlir::qvl {

/// Query lines of a block, 16 for each of its warps. A line is one query head of one row.
inline constexpr int64_t kQueryLines = 64;
inline constexpr int64_t kAttentionThreads = 128;

/// A tile of up to 64 heads in shared memory, one a line. Heads are padded with zeros to whole
/// steps of the matrix instruction, and lines with 16 bytes, so that eight lines start in different
/// groups of banks.
struct HeadTile {
  int64_t headDim;
  int64_t elementBytes;

  HeadTile(int64_t headDim, Type element)
      : headDim(headDim), elementBytes(element.getIntOrFloatBitWidth() / 8) {}

  int64_t paddedHeadDim() const { return llvm::alignTo(headDim, 16); }
  int64_t pitch() const { return paddedHeadDim() * elementBytes + 16; }
  int64_t bytes() const { return kQueryLines * pitch(); }
  /// Bytes of one copy between global and shared memory: what every head in memory is aligned to.
  int64_t copyBytes() const { return std::gcd<int64_t>(16, headDim * elementBytes); }
};
static_assert(kQueryLines == kKeyBlock, "one form of tile for lines and keys");

/// The tiles of queries, keys and values in this order.
struct AttentionMemory {
  HeadTile queries, keys;

  static AttentionMemory of(AttentionOp op) {
    auto type = op.getQuery().getType();
    HeadTile tile(type.getDimSize(2), type.getElementType());
    return {tile, tile};
  }
  static AttentionMemory of(CachedAttentionOp op) {
    auto type = op.getQuery().getType();
    return {{type.getDimSize(2), type.getElementType()},
            {type.getDimSize(2), op.getCache().getType().getElement()}};
  }

  int64_t keysAt() const { return queries.bytes(); }
  int64_t valuesAt() const { return keysAt() + keys.bytes(); }
  int64_t bytes() const { return valuesAt() + keys.bytes(); }
};

/// Query heads that share a key head.
inline int64_t headsPerKeyHead(CachedAttentionOp op) {
  return op.getQuery().getType().getDimSize(1) / op.getCache().getType().getKvHeads();
}

/// Attention over the cache for few rows: a block takes one row and some of the query heads of a
/// key head; its warps take blocks of keys in turn.
struct DecodeMemory {
  static constexpr int64_t kWarps = 8;
  static constexpr int64_t kMostHeads = 8; // of a block: their sums live in registers

  int64_t heads; // of a block: the largest divisor of the group up to kMostHeads
  int64_t headDim;

  static DecodeMemory of(CachedAttentionOp op) {
    int64_t group = headsPerKeyHead(op), heads = std::min(group, kMostHeads);
    while (group % heads != 0)
      --heads;
    return {heads, op.getQuery().getType().getDimSize(2)};
  }

  /// Heads in quadruples, so that those of a key are read as vectors.
  int64_t headQuads() const { return llvm::divideCeil(heads, 4); }
  /// Parts in bytes. f32 [heads][lineElements]: queries.
  int64_t lineElements() const { return llvm::alignTo(headDim, 4); }
  int64_t queriesAt() const { return 0; }
  /// f32 [warps][headQuads][kKeyBlock][4]: scores, then probabilities of the warp's block of keys.
  int64_t scoresAt() const { return 4 * heads * lineElements(); }
  int64_t scoreBytes() const { return 16 * headQuads() * kKeyBlock; }
  /// f32 [warps][heads] maxima, then as many sums.
  int64_t maximaAt() const { return scoresAt() + kWarps * scoreBytes(); }
  int64_t sumsAt() const { return maximaAt() + 4 * kWarps * heads; }
  /// f32 [warps][heads][lineElements]: weighted sums of values.
  int64_t outputAt() const { return llvm::alignTo(sumsAt() + 4 * kWarps * heads, 16); }
  int64_t bytes() const { return outputAt() + 4 * kWarps * heads * lineElements(); }
};

/// What the grid of a kernel needs to know.
struct BlockShape {
  int64_t rowsPerTile;
  int64_t columnTiles;
  int64_t threads;
  int64_t sharedBytes;
};

inline BlockShape attentionBlock(AttentionOp op) {
  return {kQueryLines, op.getQuery().getType().getDimSize(1), kAttentionThreads,
          AttentionMemory::of(op).bytes()};
}

/// `fewRows`: the form for decoding. The other one packs the query heads of a key head: a tile has
/// as many rows as fill its lines, and no code when even one row does not fit.
inline BlockShape attentionBlock(CachedAttentionOp op, bool fewRows) {
  int64_t keyHeads = op.getCache().getType().getKvHeads(), group = headsPerKeyHead(op);
  if (fewRows) {
    DecodeMemory memory = DecodeMemory::of(op);
    return {1, keyHeads * (group / memory.heads), 32 * DecodeMemory::kWarps, memory.bytes()};
  }
  return {std::max<int64_t>(kQueryLines / group, 1), keyHeads, kAttentionThreads,
          AttentionMemory::of(op).bytes()};
}

} // namespace mlir::qvl
