// A row of logits as the kernels see it that choose its id.
#pragma once

#include "BlockFrame.h"
#include "qvlfmt/Sampling.h"

namespace mlir::qvl {

/// The row that a block works on. Its columns are read in units of neighbours.
class SamplingRow {
public:
  /// The operands of the op; the row is the first of the block.
  SamplingRow(BlockFrame &frame, Value logits, Value seen, Value settings);

  /// Columns of a unit, a power of two that divides the number of columns.
  int64_t unit() const { return width; }
  int64_t units() const { return columns / width; }
  /// f32.
  Value setting(qvlfmt::SamplingSetting column) const;
  /// The logits of a unit behind the repetition penalty, f32 each.
  SmallVector<Value> penalized(Value number) const;
  /// The number of a column of a unit.
  Value column(Value number, int64_t place) const;

private:
  Value seenOf(Value first) const;

  ImplicitLocOpBuilder &b;
  int64_t columns, width;
  Value logits, seen, settings; // of the row
};

/// A number (i32, unsigned) that is larger where the f32 is larger, equal for 0 and -0, and the
/// largest for a NaN.
Value orderedKey(ImplicitLocOpBuilder &b, Value value);
/// The f32 of such a number.
Value valueOfKey(ImplicitLocOpBuilder &b, Value key);

/// A value and its column (i32) as one number (i64, unsigned): larger for a larger value and then
/// for a lower column.
Value packBest(ImplicitLocOpBuilder &b, Value value, Value column);
Value valueOfBest(ImplicitLocOpBuilder &b, Value best);
Value columnOfBest(ImplicitLocOpBuilder &b, Value best);
/// The better of two, for reductions.
Value betterOf(ImplicitLocOpBuilder &b, Value x, Value y);

} // namespace mlir::qvl
