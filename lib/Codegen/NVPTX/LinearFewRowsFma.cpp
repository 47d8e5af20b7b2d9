// A lane has a quad of columns and every fourth group of four lines of a chunk, for all rows.

#include "LinearFewRows.h"

#include "WarpInstructions.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

#include <numeric>

namespace mlir::qvl {
namespace {

constexpr int64_t kLineLanes = 8; // quads of a line
constexpr int64_t kLineGroups = 32 / kLineLanes;
constexpr int64_t kGroupLines = 4;

class FmaWarp final : public FewRowsWarp {
public:
  FmaWarp(BlockFrame &frame, const Projection &projection);

  int64_t chunkLines() const override { return kLineGroups * kGroupLines; }
  SmallVector<Value> zeros(ImplicitLocOpBuilder &b) const override {
    return SmallVector<Value>(kFewRows, constantFloat(b, vector, 0.0));
  }
  void addChunk(const FewRowsChunk &chunk, Value lines, MutableArrayRef<Value> sums) override;
  void storePartials(ArrayRef<Value> sums, Value target) override;

private:
  SmallVector<Value> loadInput(int64_t row, Value line, bool isWhole);
  SmallVector<Value> loadQuad(Value lines, Value line, Value lineLimit);

  ImplicitLocOpBuilder &b;
  const Projection &projection;
  VectorType vector; // a quad of sums
  Value lineGroup, lineLane;
  SmallVector<Value> inputRows;
};

FmaWarp::FmaWarp(BlockFrame &frame, const Projection &projection)
    : b(frame.builder()), projection(projection), vector(VectorType::get({4}, b.getF32Type())),
      lineGroup(quotient(b, frame.lane(), kLineLanes)),
      lineLane(remainder(b, frame.lane(), kLineLanes)) {
  // A row behind the last one computes what the last does and is not stored.
  Value last = difference(b, frame.rowEnd(), constantIndex(b, 1));
  for (int64_t i = 0; i < kFewRows; ++i) {
    Value row = projection.load(b, minimum(b, sum(b, frame.rowBegin(), i), last));
    inputRows.push_back(elementPointer(b, projection.inputElement, projection.input,
                                       product(b, row, projection.depth)));
  }
}

/// The values of a row at the k of a group of lines; zero behind the last where the chunk is not
/// whole.
SmallVector<Value> FmaWarp::loadInput(int64_t row, Value line, bool isWhole) {
  int64_t group = projection.panel.getKGroup(), count = kGroupLines * group;
  Type element = projection.inputElement;
  int64_t bytes = element.getIntOrFloatBitWidth() / 8;
  Value k = product(b, line, group);
  Value left = difference(b, constantIndex(b, projection.depth), k);
  Value mask = isWhole ? Value() : laneMask(b, count, left);
  int64_t alignment = std::gcd(std::gcd(projection.depth, count) * bytes, kQuadBytes);
  Value values =
      loadFloats(b, VectorType::get({count}, b.getF32Type()), element,
                 elementPointer(b, element, inputRows[row], k), mask, isWhole ? alignment : bytes);
  SmallVector<Value> elements;
  for (int64_t i = 0; i < count; ++i)
    elements.push_back(vector::ExtractOp::create(b, values, i));
  return elements;
}

/// The lane's quad of a line, a vector for each of its k; zero where there is no such line.
SmallVector<Value> FmaWarp::loadQuad(Value lines, Value line, Value lineLimit) {
  Value offset = sum(b, product(b, line, kPanelLineBytes), product(b, lineLane, kQuadBytes));
  Value pointer = elementPointer(b, b.getI8Type(), lines, offset);
  if (!lineLimit)
    return loadPanelQuad(b, pointer, projection.panel);
  Value exists = arith::CmpIOp::create(b, arith::CmpIPredicate::slt, line, lineLimit);
  SmallVector<Type> types(projection.panel.getKGroup(), vector);
  auto quad = scf::IfOp::create(b, types, exists, /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(quad.thenBlock());
  scf::YieldOp::create(b, loadPanelQuad(b, pointer, projection.panel));
  b.setInsertionPointToStart(quad.elseBlock());
  scf::YieldOp::create(b, SmallVector<Value>(types.size(), constantFloat(b, vector, 0.0)));
  return quad.getResults();
}

void FmaWarp::addChunk(const FewRowsChunk &chunk, Value lines, MutableArrayRef<Value> sums) {
  int64_t group = projection.panel.getKGroup();
  Value line = sum(b, chunk.firstLine, product(b, lineGroup, kGroupLines));
  SmallVector<SmallVector<Value>> quads;
  for (int64_t i = 0; i < kGroupLines; ++i)
    quads.push_back(loadQuad(lines, sum(b, line, i), chunk.lineLimit));
  for (int64_t row = 0; row < kFewRows; ++row) {
    SmallVector<Value> inputs = loadInput(row, line, !chunk.lineLimit);
    for (int64_t k = 0; k < kGroupLines * group; ++k) {
      Value x = vector::BroadcastOp::create(b, vector, inputs[k]);
      sums[row] = math::FmaOp::create(b, x, quads[k / group][k % group], sums[row]);
    }
  }
}

/// Lanes of one quad add up what they have of different lines; each then writes two rows.
void FmaWarp::storePartials(ArrayRef<Value> sums, Value target) {
  SmallVector<Value> totals;
  for (Value lane : sums) {
    SmallVector<Value> elements;
    for (int64_t i = 0; i < 4; ++i) {
      Value total = vector::ExtractOp::create(b, lane, i);
      for (int64_t distance = kLineLanes; distance < 32; distance *= 2)
        total = arith::AddFOp::create(b, total, shuffleXor(b, total, distance));
      elements.push_back(total);
    }
    totals.push_back(vector::FromElementsOp::create(b, vector, elements));
  }
  for (int64_t row = 0; row < kFewRows; ++row) {
    Value group = constantIndex(b, row % kLineGroups);
    Value isMine = arith::CmpIOp::create(b, arith::CmpIPredicate::eq, lineGroup, group);
    auto mine = scf::IfOp::create(b, isMine);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(mine.thenBlock());
    Value place = sum(b, product(b, lineLane, 4), row * kPartialRow);
    store(b, totals[row], elementPointer(b, b.getF32Type(), target, place), kQuadBytes);
  }
}

} // namespace

void emitFewRowsFma(BlockFrame &frame, const Projection &projection, const LinearTile &tile) {
  FmaWarp warp(frame, projection);
  emitFewRows(frame, projection, tile, warp);
}

} // namespace mlir::qvl
