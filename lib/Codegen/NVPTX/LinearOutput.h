// What happens to finished sums of a projection: operands, epilogue, store.
#pragma once

#include "BlockFrame.h"
#include "LinearPanels.h"

namespace mlir::qvl {

/// Neighbouring columns of the result in some rows, as one thread holds them.
struct OutputPatch {
  SmallVector<Value> rows; // numbers; may lie behind the last row
  Value firstColumn;       // a multiple of `width`; may lie behind the last column
  int64_t width;           // columns: a power of two
  /// For each row one vector<width x f32> for each weight.
  SmallVector<SmallVector<Value>> sums;
};

/// Computes the epilogue of a patch and stores what lies inside of the result.
class LinearOutput {
public:
  LinearOutput(BlockFrame &frame, const Projection &projection)
      : frame(frame), b(frame.builder()), projection(projection) {}

  void store(const OutputPatch &patch);

private:
  struct Piece;
  void storePiece(const OutputPatch &patch, const Piece &piece);
  Value loadOperand(const EpilogueOperand &operand, Value row, const Piece &piece);
  void storeRow(Value row, const Piece &piece, Value value);
  Value place(Value row, Value column);

  BlockFrame &frame;
  ImplicitLocOpBuilder &b;
  const Projection &projection;
};

} // namespace mlir::qvl
