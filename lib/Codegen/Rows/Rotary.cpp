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
static void emitAngles(RowFrame &frame, Value position, Value frequencies, Value to) {
  ImplicitLocOpBuilder &b = frame.builder();
  auto type = cast<VectorType>(frequencies.getType());
  Value positions = vector::BroadcastOp::create(b, type, position);
  Value angles = arith::MulFOp::create(b, positions, frequencies);
  Value cosines = math::CosOp::create(b, angles), sines = math::SinOp::create(b, angles);
  store(b, vector::InterleaveOp::create(b, cosines, sines), to,
        frame.alignment(b.getF32Type(), 2 * type.getDimSize(0)));
}

/// The column of the positions that row `row` of a table takes.
static Value positionColumn(RowFrame &frame, RopeTableOp op, Value row) {
  if (!op.getRowIndex())
    return row;
  RowMap map{frame.buffer(op.getRowIndex()), static_cast<int64_t>(*op.getRowGroup())};
  return map(frame.builder(), row);
}

void emitRow(RowFrame &frame, RopeTableOp op, Value row) {
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
    Value part = elementPointer(b, f32, table, 2 * angle);
    frame.forEachConstant(
        ArrayRef(frequencies).slice(angle, size), kAngles, [&](Value offset, Value constants) {
          Value place = product(b, offset, 2);
          emitAngles(frame, position, constants, elementPointer(b, f32, part, place));
        });
    angle += size;
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

void rotateHeads(RowFrame &frame, const RowHeads &heads, Value table,
                 function_ref<void(Value head, Value place, Value rotated)> store) {
  ImplicitLocOpBuilder &b = frame.builder();
  int64_t angles = heads.headDim / 2;
  Type element = heads.element, f32 = b.getF32Type();
  VectorPair turn;
  auto prepare = [&](Value offset, int64_t width) {
    auto pairs = VectorType::get({2 * width}, f32);
    Value pointer = elementPointer(b, f32, table, product(b, offset, 2));
    auto parts =
        vector::DeinterleaveOp::create(b, load(b, pairs, pointer, frame.alignment(f32, 2 * width)));
    turn = {parts.getRes1(), parts.getRes2()};
  };
  auto rotateChunk = [&](Value head, Value offset, int64_t width) {
    Value start = product(b, head, heads.headDim), secondHalf = sum(b, offset, angles);
    auto half = [&](Value place) {
      Value pointer = elementPointer(b, element, heads.pointer, sum(b, start, place));
      Value stored =
          load(b, VectorType::get({width}, element), pointer, frame.alignment(element, width));
      return convertFloat(b, stored, f32);
    };
    VectorPair rotated = rotate(b, {half(offset), half(secondHalf)}, turn);
    store(head, offset, convertFloat(b, rotated.first, element));
    store(head, secondHalf, convertFloat(b, rotated.second, element));
  };
  frame.forEachHeadChunk(heads.count, angles, angles, kAngles, prepare, rotateChunk);
}

/// Rotates heads from `from` to `to`, both of one form.
static void rotateTo(RowFrame &frame, const RowHeads &from, Value table, Value to) {
  ImplicitLocOpBuilder &b = frame.builder();
  rotateHeads(frame, from, table, [&](Value head, Value place, Value rotated) {
    Value offset = sum(b, product(b, head, from.headDim), place);
    storeVector(frame, rotated, elementPointer(b, from.element, to, offset));
  });
}

/// The row of the rotary table of `row`.
static Value tableRow(RowFrame &frame, Value table, Value row) {
  ImplicitLocOpBuilder &b = frame.builder();
  return rowPointer(b, b.getF32Type(), frame.buffer(table), row, rowElements(table));
}

void emitRow(RowFrame &frame, RotateOp op, Value row) {
  ImplicitLocOpBuilder &b = frame.builder();
  ArrayRef<int64_t> shape = cast<RankedTensorType>(op.getInput().getType()).getShape();
  Type element = elementOf(op.getInput());
  Value input = rowPointer(b, element, frame.buffer(op.getInput()), row, shape[1] * shape[2]);
  Value result = rowPointer(b, element, frame.resultBuffer(0), row, shape[1] * shape[2]);
  rotateTo(frame, {input, element, shape[1], shape[2]}, tableRow(frame, op.getTable(), row),
           result);
}

void emitRow(RowFrame &frame, RopeQkOp op, Value row) {
  ImplicitLocOpBuilder &b = frame.builder();
  int64_t headDim = static_cast<int64_t>(op.getHeadDim());
  Type element = elementOf(op.getInput());
  Value from = rowPointer(b, element, frame.buffer(op.getInput()), row, rowElements(op.getInput()));
  Value table = tableRow(frame, op.getTable(), row);
  for (auto [number, heads] : llvm::enumerate(op.getHeads())) {
    int64_t columns = heads * headDim;
    Value to = rowPointer(b, element, frame.resultBuffer(number), row, columns);
    if (number < 2)
      rotateTo(frame, {from, element, heads, headDim}, table, to);
    else
      copyElements(frame, element, from, to, columns, headDim);
    from = elementPointer(b, element, from, columns);
  }
}

} // namespace mlir::qvl
