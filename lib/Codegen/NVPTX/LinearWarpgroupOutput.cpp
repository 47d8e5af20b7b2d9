#include "LinearWarpgroup.h"

#include "LinearOutput.h"
#include "WarpgroupMultiply.h"

#include "mlir/Dialect/Vector/IR/VectorOps.h"

namespace mlir::qvl {
namespace {

constexpr int64_t kPatchRows = 8; // rows whose operands are under way together

/// The vectors of a patch for row `row` of the lane: row 2j + e is row 8j + 2c + e of the tile.
SmallVector<Value> rowSums(ImplicitLocOpBuilder &b, ArrayRef<Value> sums, int64_t row,
                           bool arePairs) {
  SmallVector<Value> elements;
  for (int64_t part = 0; part < kWarpgroupParts; ++part)
    for (int64_t column : {0, 2})
      elements.push_back(sums[part * kWarpgroupSums + row / 2 * 4 + column + row % 2]);
  auto vector = [&](ArrayRef<Value> values) -> Value {
    auto type = VectorType::get({static_cast<int64_t>(values.size())}, b.getF32Type());
    return vector::FromElementsOp::create(b, type, values);
  };
  ArrayRef<Value> all(elements);
  if (arePairs)
    return {vector(all.take_front(2)), vector(all.drop_front(2))};
  return {vector(all)};
}

} // namespace

void storeWarpgroupSums(BlockFrame &frame, const Projection &projection, ArrayRef<Value> sums,
                        Value firstColumn) {
  ImplicitLocOpBuilder &b = frame.builder();
  PanelColumns columns(projection.panel);
  Value start = sum(b, frame.rowBegin(), product(b, remainder(b, frame.lane(), 4), 2));
  for (int64_t first = 0; first < kWarpgroupSums / 2; first += kPatchRows) {
    OutputPatch patch{{}, firstColumn, laneColumns(columns), {}};
    for (int64_t row = first; row < first + kPatchRows; ++row) {
      patch.rows.push_back(sum(b, start, row / 2 * 8 + row % 2));
      patch.sums.push_back(rowSums(b, sums, row, columns.arePairs));
    }
    LinearOutput(frame, projection).store(patch);
  }
}

} // namespace mlir::qvl
