// Rotary tables and rotations. Vector code and not linalg, since cosines and sines alternate in
// memory.

#include "lib/Codegen/Emit/RowMap.h"
#include "lib/Codegen/Rows/Rotation.h"
#include "lib/Codegen/Rows/RowEmitters.h"
#include "lib/Codegen/Rows/RowLoops.h"

#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

namespace mlir::qvl {

/// Sines and cosines of this many angles are computed at a time; inside they take f64 vectors.
static constexpr int64_t kAngles = 16;

/// Cosines and sines of the angles `position · frequencies`, alternating, to `to`.
static void emitAngles(ImplicitLocOpBuilder &b, Value position, ArrayRef<float> frequencies,
                       Value to) {
  auto type = VectorType::get({static_cast<int64_t>(frequencies.size())}, b.getF32Type());
  Value inverse = arith::ConstantOp::create(b, DenseElementsAttr::get(type, frequencies));
  Value positions = vector::BroadcastOp::create(b, type, position);
  Value angles = arith::MulFOp::create(b, positions, inverse);
  Value cosines = math::CosOp::create(b, angles), sines = math::SinOp::create(b, angles);
  store(b, vector::InterleaveOp::create(b, cosines, sines), to);
}

/// The column of the positions that row `row` of a table takes.
static Value positionColumn(KernelFrame &frame, RopeTableOp op, Value row) {
  if (!op.getRowIndex())
    return row;
  RowMap map{frame.buffer(op.getRowIndex()), static_cast<int64_t>(*op.getRowGroup())};
  return map(frame.builder(), row);
}

void emitRow(KernelFrame &frame, RopeTableOp op, Value row) {
  ImplicitLocOpBuilder &b = frame.builder();
  Type f32 = b.getF32Type(), i32 = b.getI32Type();
  SmallVector<float> frequencies =
      ropeFrequencies(op.getTheta().convertToDouble(), op.getSections(), op.getFrequencies());
  Value rows = frame.size(op.getPositions(), 1);
  Value column = positionColumn(frame, op, row);
  Value table = rowPointer(b, f32, frame.resultBuffer(0), row, rowElements(op.getResult()));
  int64_t angle = 0;
  for (auto [axis, size] : llvm::enumerate(op.getSections())) {
    Value number = sum(b, arith::MulIOp::create(b, rows, constantIndex(b, axis)), column);
    Value pointer = elementPointer(b, i32, frame.buffer(op.getPositions()), number);
    // Exact up to 2^24.
    Value position = arith::SIToFPOp::create(b, f32, load(b, i32, pointer));
    for (int64_t end = angle + size; angle < end;) {
      int64_t width = llvm::bit_floor<uint64_t>(std::min(kAngles, end - angle));
      emitAngles(b, position, ArrayRef(frequencies).slice(angle, width),
                 elementPointer(b, f32, table, 2 * angle));
      angle += width;
    }
  }
}

namespace {
/// A pair of vectors: the two halves of a head, or cosines and sines.
struct VectorPair {
  Value first, second;
};
} // namespace

/// first · cos − second · sin and second · cos + first · sin.
static VectorPair rotate(ImplicitLocOpBuilder &b, VectorPair x, VectorPair table) {
  Value turned = arith::MulFOp::create(b, x.second, table.second);
  Value first = math::FmaOp::create(b, x.first, table.first, arith::NegFOp::create(b, turned));
  Value straight = arith::MulFOp::create(b, x.first, table.second);
  return {first, math::FmaOp::create(b, x.second, table.first, straight)};
}

void rotateHeads(ImplicitLocOpBuilder &b, const RowHeads &heads, Value table,
                 function_ref<void(Value head, Value place, Value rotated)> store) {
  int64_t angles = heads.headDim / 2;
  Type element = heads.element, f32 = b.getF32Type();
  forEachChunk(b, angles, kAngles, [&](Value offset, int64_t width) {
    auto vector = VectorType::get({width}, element), pairs = VectorType::get({2 * width}, f32);
    Value entries = load(b, pairs, elementPointer(b, f32, table, product(b, offset, 2)));
    auto parts = vector::DeinterleaveOp::create(b, entries);
    VectorPair turn{parts.getRes1(), parts.getRes2()};
    Value secondHalf = sum(b, offset, angles);
    forEach(b, heads.count, [&](Value head) {
      Value start = product(b, head, heads.headDim);
      auto half = [&](Value place) {
        Value pointer = elementPointer(b, element, heads.pointer, sum(b, start, place));
        return convertFloat(b, load(b, vector, pointer), f32);
      };
      VectorPair rotated = rotate(b, {half(offset), half(secondHalf)}, turn);
      store(head, offset, convertFloat(b, rotated.first, element));
      store(head, secondHalf, convertFloat(b, rotated.second, element));
    });
  });
}

/// Rotates heads from `from` to `to`, both of one form.
static void rotateTo(ImplicitLocOpBuilder &b, const RowHeads &from, Value table, Value to) {
  rotateHeads(b, from, table, [&](Value head, Value place, Value rotated) {
    Value offset = sum(b, product(b, head, from.headDim), place);
    store(b, rotated, elementPointer(b, from.element, to, offset));
  });
}

/// The row of the rotary table of `row`.
static Value tableRow(KernelFrame &frame, Value table, Value row) {
  ImplicitLocOpBuilder &b = frame.builder();
  return rowPointer(b, b.getF32Type(), frame.buffer(table), row, rowElements(table));
}

void emitRow(KernelFrame &frame, RotateOp op, Value row) {
  ImplicitLocOpBuilder &b = frame.builder();
  ArrayRef<int64_t> shape = cast<RankedTensorType>(op.getInput().getType()).getShape();
  Type element = elementOf(op.getInput());
  Value input = rowPointer(b, element, frame.buffer(op.getInput()), row, shape[1] * shape[2]);
  Value result = rowPointer(b, element, frame.resultBuffer(0), row, shape[1] * shape[2]);
  rotateTo(b, {input, element, shape[1], shape[2]}, tableRow(frame, op.getTable(), row), result);
}

void emitRow(KernelFrame &frame, RopeQkOp op, Value row) {
  ImplicitLocOpBuilder &b = frame.builder();
  int64_t headDim = static_cast<int64_t>(op.getHeadDim());
  Type element = elementOf(op.getInput());
  Value from = rowPointer(b, element, frame.buffer(op.getInput()), row, rowElements(op.getInput()));
  Value table = tableRow(frame, op.getTable(), row);
  for (auto [number, heads] : llvm::enumerate(op.getHeads())) {
    int64_t columns = heads * headDim;
    Value to = rowPointer(b, element, frame.resultBuffer(number), row, columns);
    if (number < 2)
      rotateTo(b, {from, element, heads, headDim}, table, to);
    else
      copyElements(b, element, from, to, columns);
    from = elementPointer(b, element, from, columns);
  }
}

} // namespace mlir::qvl
