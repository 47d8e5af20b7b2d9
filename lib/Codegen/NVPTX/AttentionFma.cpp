// The products of attention as fused multiply-adds in f32, for runs in full precision.

#include "../Emit/Loops.h"
#include "AttentionForms.h"
#include "AttentionVectors.h"
#include "WarpInstructions.h"

#include "mlir/Dialect/Math/IR/Math.h"

namespace mlir::qvl {
namespace {

constexpr int64_t kVector = 4;     // elements read at once
constexpr int64_t kKeysAtOnce = 8; // keys of a lane in one pass over head_dim

class FmaForm : public AttentionForm {
public:
  FmaForm(BlockFrame &frame, const AttentionMemory &memory);

  int64_t keyRun() const override { return 1; }
  int64_t columnRun() const override { return kVector; }
  void loadQueries() override {}
  LineValues scores() override;
  void addValues(const LineValues &probabilities, LineValues &output) override;

private:
  /// Four elements of a tile as f32.
  SmallVector<Value> loadVector(const HeadTile &tile, Value pointer) {
    Type stored = tile.elementBytes == 2 ? Type(b.getBF16Type()) : Type(b.getF32Type());
    return loadElements(b, stored, kVector, pointer, kVector * tile.elementBytes);
  }
  void addScores(int64_t firstKey, LineValues &scores);
  void addKey(Value key, ArrayRef<Value> probabilities, MutableArrayRef<Value> sums);
  Value multiplyAdd(Value x, Value y, Value z) { return math::FmaOp::create(b, x, y, z); }

  ImplicitLocOpBuilder &b;
  AttentionMemory memory;
  Value lane, laneInLine;
  Value queryStart; // of the lane's first line
  Value keyStart;   // of key t
  Value valueStart; // of the lane's first column in value 0
};

FmaForm::FmaForm(BlockFrame &frame, const AttentionMemory &memory)
    : b(frame.builder()), memory(memory), lane(frame.lane()),
      laneInLine(remainder(b, lane, kLineLanes)) {
  auto at = [&](int64_t sharedAt, Value bytes) {
    return elementPointer(b, b.getI8Type(), frame.shared(sharedAt), bytes);
  };
  Value line = sum(b, product(b, frame.warp(), 16), quotient(b, lane, kLineLanes));
  queryStart = at(0, product(b, line, memory.queries.pitch()));
  keyStart = at(memory.keysAt(), product(b, laneInLine, memory.keys.pitch()));
  valueStart = at(memory.valuesAt(), product(b, laneInLine, kVector * memory.keys.elementBytes));
}

LineValues FmaForm::scores() {
  LineValues scores;
  for (int64_t key = 0; key < kKeyBlock / kLineLanes; key += kKeysAtOnce)
    addScores(key, scores);
  return scores;
}

/// Appends the scores of kKeysAtOnce keys of the lane.
void FmaForm::addScores(int64_t firstKey, LineValues &scores) {
  SmallVector<Value> zeros(kLaneLines * kKeysAtOnce, constantFloat(b, b.getF32Type(), 0));
  auto addColumns = [&](Value column, MutableArrayRef<Value> sums) {
    auto load = [&](const HeadTile &tile, Value start, int64_t line) {
      Value bytes = product(b, column, tile.elementBytes);
      Value pointer = elementPointer(b, b.getI8Type(), start, line * tile.pitch());
      return loadVector(tile, elementPointer(b, b.getI8Type(), pointer, bytes));
    };
    SmallVector<Value> lines[kLaneLines];
    for (int64_t line = 0; line < kLaneLines; ++line)
      lines[line] = load(memory.queries, queryStart, 8 * line);
    for (int64_t key = 0; key < kKeysAtOnce; ++key) {
      SmallVector<Value> keys = load(memory.keys, keyStart, kLineLanes * (firstKey + key));
      for (int64_t line = 0; line < kLaneLines; ++line)
        for (int64_t i = 0; i < kVector; ++i) {
          Value &total = sums[line * kKeysAtOnce + key];
          total = multiplyAdd(lines[line][i], keys[i], total);
        }
    }
  };
  SmallVector<Value> sums =
      forLoop(b, constantIndex(b, 0), constantIndex(b, memory.keys.paddedHeadDim()), kVector, zeros,
              addColumns);
  for (int64_t line = 0; line < kLaneLines; ++line)
    scores[line].append(sums.begin() + line * kKeysAtOnce, sums.begin() + (line + 1) * kKeysAtOnce);
}

/// Four keys an iteration: one of each lane, whose probability goes to the other three. The lists
/// of probabilities turn by one an iteration, so that their heads are those of the iteration's
/// keys.
void FmaForm::addValues(const LineValues &probabilities, LineValues &output) {
  int64_t keys = probabilities[0].size(), columns = output[0].size();
  SmallVector<Value> carried;
  for (const LineValues *values : {&probabilities, static_cast<const LineValues *>(&output)})
    for (const SmallVector<Value> &line : *values)
      carried.append(line);
  auto addKeys = [&](Value key, MutableArrayRef<Value> values) {
    auto turning = values.take_front(kLaneLines * keys);
    SmallVector<Value> heads{turning[0], turning[keys]};
    for (int64_t line = 0; line < kLaneLines; ++line) {
      auto own = turning.slice(line * keys, keys);
      std::rotate(own.begin(), own.begin() + 1, own.end());
    }
    // A loop, though a short one: unrolled, its loads would fill the registers.
    SmallVector<Value> sums(values.drop_front(kLaneLines * keys));
    auto addOwned = [&](Value owner, MutableArrayRef<Value> sums) {
      Value source = sum(b, difference(b, lane, laneInLine), owner);
      Value number = arith::IndexCastOp::create(b, b.getI32Type(), source);
      SmallVector<Value> ofKey =
          llvm::map_to_vector(heads, [&](Value head) { return shuffleFrom(b, head, number); });
      addKey(sum(b, key, owner), ofKey, sums);
    };
    sums = forLoop(b, constantIndex(b, 0), constantIndex(b, kLineLanes), 1, sums, addOwned);
    llvm::copy(sums, values.begin() + kLaneLines * keys);
  };
  SmallVector<Value> results =
      forLoop(b, constantIndex(b, 0), constantIndex(b, kKeyBlock), kLineLanes, carried, addKeys);
  ArrayRef<Value> sums = ArrayRef<Value>(results).drop_front(kLaneLines * keys);
  for (int64_t line = 0; line < kLaneLines; ++line)
    output[line].assign(sums.begin() + line * columns, sums.begin() + (line + 1) * columns);
}

void FmaForm::addKey(Value key, ArrayRef<Value> probabilities, MutableArrayRef<Value> sums) {
  const HeadTile &tile = memory.keys;
  int64_t columns = sums.size() / kLaneLines;
  Value start = elementPointer(b, b.getI8Type(), valueStart, product(b, key, tile.pitch()));
  for (int64_t column = 0; column < columns; column += kVector) {
    int64_t bytes = kLineLanes * column * tile.elementBytes;
    SmallVector<Value> values = loadVector(tile, elementPointer(b, b.getI8Type(), start, bytes));
    for (int64_t line = 0; line < kLaneLines; ++line)
      for (int64_t i = 0; i < kVector; ++i) {
        Value &total = sums[line * columns + column + i];
        total = multiplyAdd(probabilities[line], values[i], total);
      }
  }
}

} // namespace

std::unique_ptr<AttentionForm> createFmaForm(BlockFrame &frame, const AttentionMemory &memory) {
  return std::make_unique<FmaForm>(frame, memory);
}

} // namespace mlir::qvl
