// The panel is the A operand of matrix instructions, 16 of its columns being the rows, and the
// input is B: eight rows of it are the columns. A lane's word of A is a pair of k as it is stored,
// so that a quad of a line is half an operand of two instructions. Which k an instruction takes is
// free as long as both operands agree: a lane reads eight neighbouring k of its input row, and its
// lines are the four that hold them.

#include "LinearFewRows.h"

#include "TensorCore.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

#include <numeric>

namespace mlir::qvl {
namespace {

constexpr int64_t kLaneDepth = 8;  // k of a lane's quad of the input
constexpr int64_t kLaneLines = 4;  // the same in pairs
constexpr int64_t kUnitLines = 16; // of the four lanes of a row
constexpr int64_t kUnits = 2;      // of a chunk: that many reads are under way

class TensorCoreWarp final : public FewRowsWarp {
public:
  TensorCoreWarp(BlockFrame &frame, const Projection &projection);

  int64_t chunkLines() const override { return kUnits * kUnitLines; }
  SmallVector<Value> zeros(ImplicitLocOpBuilder &b) const override {
    return SmallVector<Value>(8, constantFloat(b, b.getF32Type(), 0.0));
  }
  void addChunk(const FewRowsChunk &chunk, Value lines, MutableArrayRef<Value> sums) override;
  void storePartials(ArrayRef<Value> sums, Value target) override;

private:
  SmallVector<Value> loadInput(Value line, bool isWhole);
  SmallVector<Value> loadQuad(Value lines, Value line, Value lineLimit);
  SmallVector<Value> wordsOf(Value quad);

  ImplicitLocOpBuilder &b;
  const Projection &projection;
  Value group, inGroup; // g and c of the fragments
  Value inputRow;
};

TensorCoreWarp::TensorCoreWarp(BlockFrame &frame, const Projection &projection)
    : b(frame.builder()), projection(projection), group(quotient(b, frame.lane(), 4)),
      inGroup(remainder(b, frame.lane(), 4)) {
  // A row behind the last one computes what the last does and is not stored.
  Value last = difference(b, frame.rowEnd(), constantIndex(b, 1));
  Value row = projection.load(b, minimum(b, sum(b, frame.rowBegin(), group), last));
  inputRow =
      elementPointer(b, b.getBF16Type(), projection.input, product(b, row, projection.depth));
}

SmallVector<Value> TensorCoreWarp::wordsOf(Value quad) {
  SmallVector<Value> words;
  for (int64_t i = 0; i < 4; ++i)
    words.push_back(vector::ExtractOp::create(b, quad, i));
  return words;
}

/// Eight k from `line` on as four words; zero behind the last where the chunk is not whole.
SmallVector<Value> TensorCoreWarp::loadInput(Value line, bool isWhole) {
  auto type = VectorType::get({kLaneDepth}, b.getI16Type());
  Value k = product(b, line, 2);
  Value pointer = elementPointer(b, b.getI16Type(), inputRow, k);
  Value left = difference(b, constantIndex(b, projection.depth), k);
  Value values = isWhole ? load(b, type, pointer, std::gcd(2 * projection.depth, kQuadBytes))
                         : maskedLoad(b, type, pointer, laneMask(b, kLaneDepth, left));
  return wordsOf(vector::BitCastOp::create(b, VectorType::get({4}, b.getI32Type()), values));
}

/// The lane's quad of a line, zero where there is no such line.
SmallVector<Value> TensorCoreWarp::loadQuad(Value lines, Value line, Value lineLimit) {
  auto type = VectorType::get({4}, b.getI32Type());
  Value offset = sum(b, product(b, line, kPanelLineBytes), product(b, group, kQuadBytes));
  Value pointer = elementPointer(b, b.getI8Type(), lines, offset);
  if (!lineLimit)
    return wordsOf(load(b, type, pointer, kQuadBytes));
  Value exists = arith::CmpIOp::create(b, arith::CmpIPredicate::slt, line, lineLimit);
  auto quad = scf::IfOp::create(b, type, exists, /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(quad.thenBlock());
  scf::YieldOp::create(b, load(b, type, pointer, kQuadBytes));
  b.setInsertionPointToStart(quad.elseBlock());
  scf::YieldOp::create(b, arith::ConstantOp::create(b, b.getZeroAttr(type)).getResult());
  b.setInsertionPointAfter(quad);
  return wordsOf(quad.getResult(0));
}

/// All reads come first.
void TensorCoreWarp::addChunk(const FewRowsChunk &chunk, Value lines, MutableArrayRef<Value> sums) {
  SmallVector<SmallVector<Value>> inputs, quads;
  for (int64_t unit = 0; unit < kUnits; ++unit) {
    Value line =
        sum(b, sum(b, chunk.firstLine, product(b, inGroup, kLaneLines)), unit * kUnitLines);
    inputs.push_back(loadInput(line, !chunk.lineLimit));
    for (int64_t i = 0; i < kLaneLines; ++i)
      quads.push_back(loadQuad(lines, sum(b, line, i), chunk.lineLimit));
  }
  for (int64_t unit = 0; unit < kUnits; ++unit)
    for (int64_t i = 0; i < kLaneLines; i += 2) {
      ArrayRef<Value> low = quads[unit * kLaneLines + i], high = quads[unit * kLaneLines + i + 1];
      for (int64_t half : {0, 1}) // columns 4g + 2 half and 4g + 2 half + 1
        multiplyAdd(b, {low[2 * half], low[2 * half + 1], high[2 * half], high[2 * half + 1]},
                    inputs[unit][i], inputs[unit][i + 1], sums.slice(4 * half, 4));
    }
}

/// A lane has columns 4g to 4g + 3 of rows 2c and 2c + 1 of the result.
void TensorCoreWarp::storePartials(ArrayRef<Value> sums, Value target) {
  auto type = VectorType::get({4}, b.getF32Type());
  for (int64_t odd : {0, 1}) {
    SmallVector<Value> columns{sums[odd], sums[odd + 2], sums[odd + 4], sums[odd + 6]};
    Value row = sum(b, product(b, inGroup, 2), odd);
    Value place = sum(b, product(b, row, kPartialRow), product(b, group, 4));
    store(b, vector::FromElementsOp::create(b, type, columns),
          elementPointer(b, b.getF32Type(), target, place), kQuadBytes);
  }
}

} // namespace

void emitFewRowsTensorCore(BlockFrame &frame, const Projection &projection,
                           const LinearTile &tile) {
  TensorCoreWarp warp(frame, projection);
  emitFewRows(frame, projection, tile, warp);
}

} // namespace mlir::qvl
