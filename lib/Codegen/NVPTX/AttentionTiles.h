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

/// What both forms of attention over the cache work on.
struct CachedOperands {
  TypedValue<RankedTensorType> query;
  TypedValue<CacheType> cache;
  Value layer, rowOffsets, rowSequence, cacheLengths, blockTable;
  double scale;

  CachedOperands(CachedAttentionOp op) { take(op); }
  CachedOperands(CachedAttentionSplitsOp op) { take(op); }

private:
  template <typename Attention> void take(Attention op) {
    query = op.getQuery();
    cache = op.getCache();
    layer = op.getLayer();
    rowOffsets = op.getRowOffsets();
    rowSequence = op.getRowSequence();
    cacheLengths = op.getCacheLengths();
    blockTable = op.getBlockTable();
    scale = op.getScale().convertToDouble();
  }
};

/// Query heads that share a key head.
inline int64_t headsPerKeyHead(const CachedOperands &op) {
  return op.query.getType().getDimSize(1) / op.cache.getType().getKvHeads();
}

/// Attention over the cache for few rows: a block takes one row and some of the query heads of a
/// key head; its warps share each block of keys.
struct DecodeMemory {
  static constexpr int64_t kWarps = 8;
  static constexpr int64_t kWarpKeys = kKeyBlock / kWarps; // of a block of keys
  static constexpr int64_t kMostHeads = 8; // of a block: their sums live in registers

  int64_t heads; // of a block: the largest divisor of the group up to kMostHeads
  int64_t headDim;

  static DecodeMemory of(const CachedOperands &op) {
    int64_t group = headsPerKeyHead(op), heads = std::min(group, kMostHeads);
    while (group % heads != 0)
      --heads;
    return {heads, op.query.getType().getDimSize(2)};
  }

  /// Heads in quadruples, so that those of a key are read as vectors.
  int64_t headQuads() const { return llvm::divideCeil(heads, 4); }
  /// Parts in bytes. f32 [heads][lineElements]: queries.
  int64_t lineElements() const { return llvm::alignTo(headDim, 4); }
  int64_t queriesAt() const { return 0; }
  /// f32 [warps][headQuads][kWarpKeys][4]: probabilities of the warp's keys.
  int64_t probabilitiesAt() const { return 4 * heads * lineElements(); }
  int64_t probabilityBytes() const { return 16 * headQuads() * kWarpKeys; }
  /// f32 [warps][heads] maxima, then as many sums.
  int64_t maximaAt() const { return probabilitiesAt() + kWarps * probabilityBytes(); }
  int64_t sumsAt() const { return maximaAt() + 4 * kWarps * heads; }
  /// f32 [warps][heads][lineElements]: weighted sums of values.
  int64_t outputAt() const { return llvm::alignTo(sumsAt() + 4 * kWarps * heads, 16); }
  int64_t bytes() const { return outputAt() + 4 * kWarps * heads * lineElements(); }
};

/// The joining of splits: a block takes one head of one row. Neighbouring splits are a run, which
/// some threads go through, and the runs are joined at the end.
struct MergeMemory {
  static constexpr int64_t kThreads = 256;

  int64_t splits;
  int64_t headDim;

  static MergeMemory of(MergeSplitsOp op) {
    auto output = op.getOutput().getType();
    return {output.getDimSize(1), output.getDimSize(3)};
  }

  /// Elements of one access, and accesses of a head.
  int64_t pieceElements() const { return std::gcd<int64_t>(4, headDim); }
  int64_t pieces() const { return headDim / pieceElements(); }
  /// As many runs as the threads can hold at a time.
  int64_t runs() const { return std::clamp<int64_t>(kThreads / pieces(), 1, splits); }
  int64_t runSplits() const { return llvm::divideCeil(splits, runs()); }
  /// Parts in bytes. f32 [runs][runSplits]: weights of splits, then their sums times that.
  int64_t weightsAt() const { return 0; }
  int64_t sumsAt() const { return 4 * runs() * runSplits(); }
  /// f32 [runs][headDim]: weighted sums of outputs.
  int64_t outputAt() const { return llvm::alignTo(2 * sumsAt(), 16); }
  int64_t bytes() const { return outputAt() + 4 * runs() * headDim; }
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

/// One row and `splits` times all heads.
inline BlockShape decodeBlock(const CachedOperands &op, int64_t splits) {
  DecodeMemory memory = DecodeMemory::of(op);
  int64_t headTiles = op.query.getType().getDimSize(1) / memory.heads;
  return {1, headTiles * splits, 32 * DecodeMemory::kWarps, memory.bytes()};
}

/// `fewRows`: the form for decoding. The other one packs the query heads of a key head: a tile has
/// as many rows as fill its lines, and no code when even one row does not fit.
inline BlockShape attentionBlock(CachedAttentionOp op, bool fewRows) {
  if (fewRows)
    return decodeBlock(op, 1);
  return {std::max<int64_t>(kQueryLines / headsPerKeyHead(op), 1),
          op.getCache().getType().getKvHeads(), kAttentionThreads, AttentionMemory::of(op).bytes()};
}

inline BlockShape attentionBlock(CachedAttentionSplitsOp op) {
  return decodeBlock(op, op.getOutput().getType().getDimSize(1));
}

inline BlockShape attentionBlock(MergeSplitsOp op) {
  return {1, op.getOutput().getType().getDimSize(2), MergeMemory::kThreads,
          MergeMemory::of(op).bytes()};
}

} // namespace mlir::qvl
