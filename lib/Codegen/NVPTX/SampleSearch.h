// Searches over sums of integers in a row of logits, by one thread block.
//
// Sums are of integers, so they do not depend on the order in which threads add: the same row gives
// the same id in every run.
#pragma once

#include "SamplingRow.h"

namespace mlir::qvl {

/// An entry of the processed row.
struct SampleEntry {
  Value column; // index
  Value value;  // f32, behind penalty and temperature
  Value key;    // orderedKey(value)
};

/// Where sums over descending keys reach a number, as values of type i64; keys are extended.
struct SampleBorder {
  Value key;   // the largest one at which they do
  Value above; // the sum over larger keys
  Value at;    // the sum over the key itself
};

/// All threads of the block call every function, and all get the result.
class SampleSearch {
public:
  /// What an entry adds, i64 and not negative.
  using Weight = llvm::function_ref<Value(const SampleEntry &)>;

  SampleSearch(BlockFrame &frame, const SamplingRow &row, Value temperature)
      : frame(frame), b(frame.builder()), row(row), temperature(temperature) {}

  /// The sum over the row.
  Value total(Weight weight);
  /// `target` is above 0 and at most the sum over the row.
  SampleBorder border(Value target, Weight weight);
  /// The first column (i32) at which the sum over ascending columns reaches `target(total)`, which
  /// is above 0 and at most `total`, the sum over the row.
  Value column(Weight weight, llvm::function_ref<Value(Value total)> target);

private:
  Value constant(int64_t value);
  Value shared(int64_t part, Value number);
  SmallVector<SampleEntry> entries(Value unit);
  void storePartials(Value begin, int64_t chunk, Weight weight);
  Value sumOf(int64_t part, Value first, int64_t count, Value rotation = {});
  Value firstReaching(int64_t part, Value first, int64_t count, bool descending, Value target,
                      Value &running);
  void addToHistogram(Value prefix, Value shift, Weight weight);
  void sumHistogram();
  Value columnOfUnit(Value unit, Weight weight, Value target, Value running);

  BlockFrame &frame;
  ImplicitLocOpBuilder &b;
  const SamplingRow &row;
  Value temperature;
};

} // namespace mlir::qvl
