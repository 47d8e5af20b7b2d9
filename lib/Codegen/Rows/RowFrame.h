// Where a row is worked on, and by whom.
#pragma once

#include "lib/Codegen/Emit/KernelOperands.h"
#include "qvl/Codegen/TileGrid.h"

namespace mlir::qvl {

/// The seam between what an op does with a row, which is the same everywhere, and the workers that
/// share it: one alone on a CPU, the lanes of a warp on a GPU. Callbacks of loops are called while
/// the loop is built, once for each form of its body; workers share the iterations, and work
/// outside of a loop is done by each of them.
class RowFrame {
public:
  virtual ~RowFrame() = default;

  ImplicitLocOpBuilder &builder() { return operands.builder(); }
  Value buffer(Value argument) const { return operands.buffer(argument); }
  Value resultBuffer(unsigned result) const { return operands.resultBuffer(result); }
  Value size(Value argument, unsigned dimension) const {
    return operands.size(argument, dimension);
  }
  Value resultSize(unsigned result, unsigned dimension) const {
    return operands.resultSize(result, dimension);
  }
  Value scalar(Value argument) const { return operands.scalar(argument); }

  virtual TargetKind target() const = 0;

  /// The loop over [0, count).
  virtual void forEach(int64_t count, function_ref<void(Value index)> emit) = 0;

  /// Covers [0, count) exactly with vectors of at most `widest` elements, a power of two. Addresses
  /// of element 0 are multiples of `unit` elements of their buffers.
  virtual void forEachChunk(int64_t count, int64_t unit, int64_t widest,
                            function_ref<void(Value offset, int64_t width)> emit) = 0;

  /// forEachChunk() over each of `heads` heads of `count` elements. `prepare` computes what all
  /// heads share at an offset.
  virtual void
  forEachHeadChunk(int64_t heads, int64_t count, int64_t unit, int64_t widest,
                   function_ref<void(Value offset, int64_t width)> prepare,
                   function_ref<void(Value head, Value offset, int64_t width)> emit) = 0;

  /// Covers a list of constants with vectors of at most `widest` of them.
  virtual void forEachConstant(ArrayRef<float> constants, int64_t widest,
                               function_ref<void(Value offset, Value constants)> emit) = 0;

  /// A sum over [0, count) in f32, the same for every worker. `add` adds the elements from an
  /// offset on to a vector of sums of as many lanes. The order of additions depends on the target
  /// and on `count` alone.
  virtual Value sumChunks(int64_t count, function_ref<Value(Value offset, Value sums)> add) = 0;

  /// The alignment in bytes of the accesses of forEachChunk() with `width` elements, as for load();
  /// 0 is that of the element.
  virtual int64_t alignment(Type element, int64_t width) const = 0;

protected:
  explicit RowFrame(KernelOperands &operands) : operands(operands) {}

private:
  KernelOperands &operands;
};

} // namespace mlir::qvl
