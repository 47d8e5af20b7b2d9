// Flash attention of one thread block: 64 query lines, keys in blocks of 64.
#pragma once

#include "../Emit/VectorMemory.h"
#include "AttentionExponential.h"
#include "AttentionForms.h"

namespace mlir::qvl {

/// Where a block of keys and values begins in global memory, and the elements between one key, or
/// value, and the next.
struct KeysInMemory {
  Value keys, values; // !llvm.ptr<1>
  int64_t stride;
};

/// Emits `softmax(scale · q·kᵀ)·v` for the lines of a block, with the online softmax: each line has
/// a maximum, a sum and a weighted sum of values, which lanes hold in registers. On bf16 operands
/// products run on tensor cores and exponents are approximate, otherwise everything is exact f32.
///
///   AttentionBlock attention(frame, memory, scale, elements...);
///   attention.copyQueries(...);          // asynchronous: compute ranges of keys meanwhile
///   attention.begin();
///   attention.addKeys(...);              // any number of times
///   attention.finish(...);
class AttentionBlock {
public:
  /// Offset, in elements, of the head of a line (an index below kQueryLines) in the query and, as
  /// both have one layout, in the result.
  using LineOffset = llvm::function_ref<Value(Value line)>;
  /// Keys from key number `first`, the begin of a block.
  using KeyLookup = llvm::function_ref<KeysInMemory(Value first)>;
  /// Keys that a line attends to, by number: [begin, end), of type index. Of each line of the lane.
  struct KeyRange {
    Value begin, end;
  };
  using LineRanges = std::array<KeyRange, kLaneLines>;

  AttentionBlock(BlockFrame &frame, const AttentionMemory &memory, double scale, Type element,
                 Type keyElement);

  /// The number of the lane's line `i` in the block.
  Value line(int64_t i);

  /// Starts to copy the first `count` lines to shared memory; the others become zero.
  void copyQueries(Value query, Value count, LineOffset offset);
  /// Waits for the queries and starts with no keys.
  void begin();
  /// Adds keys [first, end), the same for all threads; `first` may be behind `end`. Each line takes
  /// those in its range.
  void addKeys(Value first, Value end, KeyLookup lookup, const LineRanges &ranges);
  /// `for (i = begin; i < end; i += step) body(i)` with a body that adds keys. The bounds are the
  /// same for all threads.
  void forEach(Value begin, Value end, int64_t step, llvm::function_ref<void(Value)> body);
  /// Stores the first `count` lines; lines without keys are zero.
  void finish(Value result, Value count, LineOffset offset);

private:
  Value laneInLine(); // t
  Value scalar(double value) { return constantFloat(b, b.getF32Type(), value); }
  struct CopiedLines;
  void copyTile(const HeadTile &tile, int64_t sharedAt, const CopiedLines &lines);
  void copyColumns(const HeadTile &tile, int64_t first, int64_t width, int64_t sharedAt,
                   const CopiedLines &lines);
  void copyKeys(const KeysInMemory &block, bool values, Value first, Value end);
  LineValues maskedScores(LineValues scores, Value first, const LineRanges &ranges);
  void keepInRange(LineValues &scores, Value first, const LineRanges &ranges);
  void joinScores(int64_t line, MutableArrayRef<Value> scores);
  void stageLine(int64_t line);
  void storeLines(Value result, Value count, LineOffset offset);

  SmallVector<Value> stateValues() const;
  void setState(ArrayRef<Value> values);

  BlockFrame &frame;
  ImplicitLocOpBuilder &b;
  AttentionMemory memory;
  Type element, keyElement;
  AttentionExponential exponential;
  std::unique_ptr<AttentionForm> form;

  struct State {
    std::array<Value, kLaneLines> maxima; // scaled
    std::array<Value, kLaneLines> sums;   // of the lane's keys
    LineValues output;
  } state;
};

} // namespace mlir::qvl
