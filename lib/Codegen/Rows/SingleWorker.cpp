#include "lib/Codegen/Rows/SingleWorker.h"

#include "lib/Codegen/Emit/Loops.h"
#include "lib/Codegen/Rows/RowLoops.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

namespace mlir::qvl {

void SingleWorker::forEach(int64_t count, function_ref<void(Value)> emit) {
  ImplicitLocOpBuilder &b = builder();
  forLoop(b, constantIndex(b, 0), constantIndex(b, count), 1, emit);
}

void SingleWorker::forEachChunk(int64_t count, int64_t, int64_t widest,
                                function_ref<void(Value, int64_t)> emit) {
  ImplicitLocOpBuilder &b = builder();
  int64_t offset = count / widest * widest;
  if (offset == widest)
    emit(constantIndex(b, 0), widest);
  else if (offset > widest)
    forLoop(b, constantIndex(b, 0), constantIndex(b, offset), widest,
            [&](Value position) { emit(position, widest); });
  for (int64_t width = widest / 2; width > 0; width /= 2) {
    if (!(count & width))
      continue;
    emit(constantIndex(b, offset), width);
    offset += width;
  }
}

void SingleWorker::forEachHeadChunk(int64_t heads, int64_t count, int64_t unit, int64_t widest,
                                    function_ref<void(Value, int64_t)> prepare,
                                    function_ref<void(Value, Value, int64_t)> emit) {
  forEachChunk(count, unit, widest, [&](Value offset, int64_t width) {
    prepare(offset, width);
    forEach(heads, [&](Value head) { emit(head, offset, width); });
  });
}

void SingleWorker::forEachConstant(ArrayRef<float> constants, int64_t widest,
                                   function_ref<void(Value, Value)> emit) {
  ImplicitLocOpBuilder &b = builder();
  auto count = static_cast<int64_t>(constants.size());
  for (int64_t offset = 0; offset < count;) {
    int64_t width = llvm::bit_floor<uint64_t>(std::min(widest, count - offset));
    auto type = VectorType::get({width}, b.getF32Type());
    Value piece =
        arith::ConstantOp::create(b, DenseElementsAttr::get(type, constants.slice(offset, width)));
    emit(constantIndex(b, offset), piece);
    offset += width;
  }
}

/// The order of additions is fixed here, and not left to a reduction op, because results must not
/// differ between batches or feature sets: element `i` of the full chunks goes to lane `i mod
/// kChunk`, then the upper half of the lanes is added to the lower until one is left; a part of the
/// tail joins where the lanes are as many as its elements.
Value SingleWorker::sumChunks(int64_t count, function_ref<Value(Value, Value)> add) {
  ImplicitLocOpBuilder &b = builder();
  auto type = VectorType::get({kChunk}, b.getF32Type());
  int64_t offset = count / kChunk * kChunk;
  Value zero = constantFloat(b, type, 0);
  Value sum = forLoop(b, constantIndex(b, 0), constantIndex(b, offset), kChunk, zero,
                      [&](Value position, MutableArrayRef<Value> sums) {
                        sums[0] = add(position, sums[0]);
                      })
                  .front();
  for (int64_t lanes = kChunk / 2; lanes > 0; lanes /= 2) {
    Value lower = vector::ExtractStridedSliceOp::create(b, sum, 0, lanes, 1);
    Value upper = vector::ExtractStridedSliceOp::create(b, sum, lanes, lanes, 1);
    sum = arith::AddFOp::create(b, lower, upper);
    if (count & lanes) {
      sum = add(constantIndex(b, offset), sum);
      offset += lanes;
    }
  }
  return vector::ExtractOp::create(b, sum, 0);
}

} // namespace mlir::qvl
