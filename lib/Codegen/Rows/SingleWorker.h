// Rows on CPUs: one worker has a row to itself.
#pragma once

#include "lib/Codegen/Rows/RowFrame.h"

namespace mlir::qvl {

/// Whole rows in vectors of up to 32 elements, which targets split into their registers, and behind
/// them one vector for every power of two in the rest.
class SingleWorker final : public RowFrame {
public:
  explicit SingleWorker(KernelOperands &operands) : RowFrame(operands) {}

  TargetKind target() const override { return TargetKind::Cpu; }
  void forEach(int64_t count, function_ref<void(Value)> emit) override;
  void forEachChunk(int64_t count, int64_t unit, int64_t widest,
                    function_ref<void(Value, int64_t)> emit) override;
  void forEachHeadChunk(int64_t heads, int64_t count, int64_t unit, int64_t widest,
                        function_ref<void(Value, int64_t)> prepare,
                        function_ref<void(Value, Value, int64_t)> emit) override;
  void forEachConstant(ArrayRef<float> constants, int64_t widest,
                       function_ref<void(Value, Value)> emit) override;
  Value sumChunks(int64_t count, function_ref<Value(Value, Value)> add) override;
  int64_t alignment(Type, int64_t) const override { return 0; }
};

} // namespace mlir::qvl
