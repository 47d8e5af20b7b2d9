// The loop over k of tiles of many rows: input rows and panel lines go through shared memory in
// stages, which asynchronous copies fill ahead of the computation.
//
// Shared memory of a stage: rows of 64 bytes, then the panels of the tile in lines of 128 bytes.
// Its unit is the quad of 16 bytes; quads are stored in another order than they have in memory
// (LinearPanels.h), so that lanes that read a column of them meet in no bank.
#pragma once

#include "BlockFrame.h"
#include "LinearPanels.h"

namespace mlir::qvl {

class LinearPipeline {
public:
  LinearPipeline(BlockFrame &frame, const Projection &projection, const LinearTile &tile);

  const LinearStage &stage() const { return sizes; }
  const TilePanels &panels() const { return tilePanels; }

  /// Byte offset in a stage of quad `quad` of a row of the input.
  Value inputOffset(Value row, Value quad);
  /// Byte offset in a stage of quad `quad` of a line of the panel in a slot.
  Value panelOffset(Value slot, Value line, Value quad);

  /// Adds to `sums`, one after the other: the computation is given a stage in shared memory that
  /// holds the next `depth` values of k. The rest of a stage, and rows behind the last, are zero.
  using Compute = llvm::function_ref<void(Value stage, int64_t depth, MutableArrayRef<Value> sums)>;
  /// `arrive` is what a thread does in front of the barrier that opens a stage.
  SmallVector<Value>
  run(ArrayRef<Value> sums, Compute compute, llvm::function_ref<void()> arrive = [] {});

private:
  /// What a thread copies to each stage: from `source`, which moves with k, to a fixed place.
  struct InputQuad {
    Value source, offset;
    Value isRow; // i1: there is such a row
  };
  struct PanelQuad {
    Value source, offset, line;
  };

  void planInput();
  void planPanels();
  void copyStage(Value step);
  void copyInput(const InputQuad &quad, Value step, Value stage);
  void copyElements(Value source, Value target, Value first, Value isRow);
  void copyPanel(const PanelQuad &quad, Value step, Value stage);
  Value stageAt(Value step);
  /// Waits for the stage of a step, starts the copies of the one that takes the place of the last.
  Value nextStage(Value step, llvm::function_ref<void()> arrive);

  BlockFrame &frame;
  ImplicitLocOpBuilder &b;
  const Projection &projection;
  LinearTile tile;
  LinearStage sizes;
  TilePanels tilePanels;
  int64_t steps;
  Value inputQuad; // number of the quad in its row that this thread copies
  SmallVector<InputQuad> inputQuads;
  SmallVector<PanelQuad> panelQuads;
};

} // namespace mlir::qvl
