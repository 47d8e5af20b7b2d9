// Projections of a few rows, which read every weight once and do little with it.
//
// A block has one panel. Its warps share k in chunks by turns and read panel lines from global
// memory to registers, 16 bytes a lane and whole lines a warp. The sums of the warps meet in shared
// memory and are added in the order of the warps, so that a row's result depends on nothing but the
// row.
#pragma once

#include "BlockFrame.h"
#include "LinearPanels.h"

namespace mlir::qvl {

/// A chunk of k: lines of the panel. `lineLimit` is null where all lines exist.
struct FewRowsChunk {
  Value firstLine, lineLimit;
};

/// How a warp computes: the two forms differ in it.
class FewRowsWarp {
public:
  virtual ~FewRowsWarp() = default;
  /// Lines of a chunk.
  virtual int64_t chunkLines() const = 0;
  /// Sums of a lane, all zero at the start.
  virtual SmallVector<Value> zeros(ImplicitLocOpBuilder &b) const = 0;
  /// Adds the products of a chunk; `lines` is the first line of the panel.
  virtual void addChunk(const FewRowsChunk &chunk, Value lines, MutableArrayRef<Value> sums) = 0;
  /// Writes the warp's sums to shared memory, [kFewRows][kPartialRow] f32 at `target`.
  virtual void storePartials(ArrayRef<Value> sums, Value target) = 0;
};

/// Emits the loop over k and everything behind it.
void emitFewRows(BlockFrame &frame, const Projection &projection, const LinearTile &tile,
                 FewRowsWarp &warp);

/// bf16 activations and panels, by matrix instructions.
void emitFewRowsTensorCore(BlockFrame &frame, const Projection &projection, const LinearTile &tile);
/// Any elements, by multiply-adds in f32.
void emitFewRowsFma(BlockFrame &frame, const Projection &projection, const LinearTile &tile);

} // namespace mlir::qvl
