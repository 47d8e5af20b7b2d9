// Rotary tables and rotations. Vector code and not linalg, since cosines and sines alternate in
// memory.

#include "lib/Codegen/Emit/IndexArithmetic.h"
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

void emitRow(KernelFrame &frame, RopeTableOp op, Value row) {
  ImplicitLocOpBuilder &b = frame.builder();
  Type f32 = b.getF32Type(), i32 = b.getI32Type();
  SmallVector<float> frequencies =
      ropeFrequencies(op.getTheta().convertToDouble(), op.getSections(), op.getFrequencies());
  Value rows = frame.size(op.getPositions(), 1);
  Value table = rowPointer(b, f32, frame.resultBuffer(0), row, rowElements(op.getResult()));
  int64_t angle = 0;
  for (auto [axis, size] : llvm::enumerate(op.getSections())) {
    Value number = sum(b, arith::MulIOp::create(b, rows, constantIndex(b, axis)), row);
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

void emitRow(KernelFrame &frame, RotateOp op, Value row) {
  ImplicitLocOpBuilder &b = frame.builder();
  auto type = cast<RankedTensorType>(op.getInput().getType());
  int64_t heads = type.getDimSize(1), headDim = type.getDimSize(2), angles = headDim / 2;
  Type element = type.getElementType(), f32 = b.getF32Type();
  Value input = rowPointer(b, element, frame.buffer(op.getInput()), row, heads * headDim);
  Value result = rowPointer(b, element, frame.resultBuffer(0), row, heads * headDim);
  Value table = rowPointer(b, f32, frame.buffer(op.getTable()), row, 2 * angles);
  forEachChunk(b, angles, kAngles, [&](Value offset, int64_t width) {
    auto vector = VectorType::get({width}, element), pairs = VectorType::get({2 * width}, f32);
    Value entries = load(b, pairs, elementPointer(b, f32, table, product(b, offset, 2)));
    auto parts = vector::DeinterleaveOp::create(b, entries);
    VectorPair turn{parts.getRes1(), parts.getRes2()};
    forEach(b, heads, [&](Value head) {
      Value first = sum(b, product(b, head, headDim), offset), second = sum(b, first, angles);
      auto half = [&](Value place) {
        return convertFloat(b, load(b, vector, elementPointer(b, element, input, place)), f32);
      };
      VectorPair rotated = rotate(b, {half(first), half(second)}, turn);
      store(b, convertFloat(b, rotated.first, element), elementPointer(b, element, result, first));
      store(b, convertFloat(b, rotated.second, element),
            elementPointer(b, element, result, second));
    });
  });
}

} // namespace mlir::qvl
