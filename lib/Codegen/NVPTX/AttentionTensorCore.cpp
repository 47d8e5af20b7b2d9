// The products of attention on tensor cores: 16 lines times 64 keys a warp, in matrix instructions
// of 16 x 8 x 16.

#include "../Emit/IndexArithmetic.h"
#include "AttentionForms.h"
#include "TensorCore.h"
#include "WarpInstructions.h"

namespace mlir::qvl {
namespace {

constexpr int64_t kStep = 16;   // of the reduction
constexpr int64_t kColumns = 8; // of an instruction

class TensorCoreForm : public AttentionForm {
public:
  TensorCoreForm(BlockFrame &frame, const AttentionMemory &memory);

  int64_t keyRun() const override { return 2; }
  int64_t columnRun() const override { return 2; }
  void loadQueries() override;
  LineValues scores() override;
  void addValues(const LineValues &probabilities, LineValues &output) override;

private:
  Value zero() { return constantFloat(b, b.getF32Type(), 0); }
  /// The matrices at `line` and `column` of a tile, counted from a lane's start in it.
  Value matricesAt(Value start, int64_t line, int64_t column) {
    return elementPointer(b, b.getI8Type(), start,
                          line * tile.pitch() + column * tile.elementBytes);
  }
  Value startIn(int64_t sharedAt, Value line, Value column) {
    Value bytes = sum(b, product(b, line, tile.pitch()), product(b, column, tile.elementBytes));
    return elementPointer(b, b.getI8Type(), frame.shared(sharedAt), bytes);
  }

  BlockFrame &frame;
  ImplicitLocOpBuilder &b;
  HeadTile tile; // queries and keys have the same
  Value queryStart, keyStart, valueStart;
  SmallVector<SmallVector<Value>> queries; // the words of a step of head_dim
};

/// Lanes give ldmatrix the rows of four 8 x 8 matrices. Those of queries and values: 16 lines, then
/// the same lines 8 columns on. Those of keys: 8 keys, the same 8 columns on, then the next 8 keys.
TensorCoreForm::TensorCoreForm(BlockFrame &frame, const AttentionMemory &memory)
    : frame(frame), b(frame.builder()), tile(memory.keys) {
  Value line16 = remainder(b, frame.lane(), 16), half = quotient(b, frame.lane(), 16);
  Value line8 = remainder(b, frame.lane(), 8);
  Value quarter = remainder(b, quotient(b, frame.lane(), 8), 2);
  Value warpLine = sum(b, product(b, frame.warp(), 16), line16);
  queryStart = startIn(0, warpLine, product(b, half, 8));
  keyStart = startIn(memory.keysAt(), sum(b, line8, product(b, half, 8)), product(b, quarter, 8));
  valueStart = startIn(memory.valuesAt(), line16, product(b, half, 8));
}

void TensorCoreForm::loadQueries() {
  for (int64_t column = 0; column < tile.paddedHeadDim(); column += kStep)
    queries.push_back(loadMatrices(b, matricesAt(queryStart, 0, column)));
}

LineValues TensorCoreForm::scores() {
  SmallVector<std::array<Value, 4>> sums(kKeyBlock / kColumns);
  for (auto &columns : sums)
    columns.fill(zero());
  for (int64_t step = 0; step < tile.paddedHeadDim() / kStep; ++step)
    for (int64_t key = 0; key < kKeyBlock; key += 2 * kColumns) {
      SmallVector<Value> words = loadMatrices(b, matricesAt(keyStart, key, step * kStep));
      int64_t first = key / kColumns;
      multiplyAdd(b, queries[step], words[0], words[1], sums[first]);
      multiplyAdd(b, queries[step], words[2], words[3], sums[first + 1]);
    }
  LineValues result;
  for (const auto &columns : sums)
    for (int64_t line = 0; line < kLaneLines; ++line)
      result[line].append({columns[2 * line], columns[2 * line + 1]});
  return result;
}

/// A lane holds probabilities as the left operand wants them: scores of two instructions side by
/// side are a step of 16 keys.
void TensorCoreForm::addValues(const LineValues &probabilities, LineValues &output) {
  for (int64_t step = 0; step < kKeyBlock / kStep; ++step) {
    SmallVector<Value> words;
    for (int64_t pair = 2 * step; pair < 2 * step + 2; ++pair)
      for (const SmallVector<Value> &line : probabilities)
        words.push_back(packBf16(b, line[2 * pair], line[2 * pair + 1]));
    for (int64_t column = 0; column < tile.paddedHeadDim(); column += 2 * kColumns) {
      SmallVector<Value> values =
          loadMatrices(b, matricesAt(valueStart, step * kStep, column), /*transposed=*/true);
      for (int64_t half = 0; half < 2; ++half) {
        int64_t at = 2 * (column / kColumns + half);
        std::array<Value, 4> sums{output[0][at], output[0][at + 1], output[1][at],
                                  output[1][at + 1]};
        multiplyAdd(b, words, values[2 * half], values[2 * half + 1], sums);
        for (int64_t i = 0; i < 4; ++i)
          output[i / 2][at + i % 2] = sums[i];
      }
    }
  }
}

} // namespace

std::unique_ptr<AttentionForm> createTensorCoreForm(BlockFrame &frame,
                                                    const AttentionMemory &memory) {
  return std::make_unique<TensorCoreForm>(frame, memory);
}

} // namespace mlir::qvl
