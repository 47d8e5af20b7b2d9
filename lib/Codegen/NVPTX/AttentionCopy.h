// Copies of heads between global and shared memory.
#pragma once

#include "AttentionTiles.h"
#include "BlockFrame.h"

#include <optional>

namespace mlir::qvl {

/// The lines of a tile in global memory, the first `count` of which exist: `stride` elements apart,
/// or, if they are not all the same way apart, at offsets of their own, in elements.
struct HeadLines {
  Value memory; // !llvm.ptr<1>
  Value count;
  int64_t stride;
  std::optional<llvm::function_ref<Value(Value line)>> offset = std::nullopt;
};

/// Starts asynchronous copies of a whole tile to `sharedAt` bytes of shared memory by all
/// kAttentionThreads threads. Lines that do not exist and the padding of heads become zero. The
/// caller closes the group of copies.
void copyHeads(BlockFrame &frame, const HeadTile &tile, int64_t sharedAt, const HeadLines &lines);

} // namespace mlir::qvl
