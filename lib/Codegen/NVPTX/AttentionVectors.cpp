#include "AttentionVectors.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

namespace mlir::qvl {

Value loadVector(ImplicitLocOpBuilder &b, Type stored, int64_t count, Value pointer,
                 int64_t alignment) {
  return LLVM::LoadOp::create(b, VectorType::get({count}, stored), pointer, alignment);
}

SmallVector<Value> wideElements(ImplicitLocOpBuilder &b, Value vector) {
  auto type = cast<VectorType>(vector.getType());
  if (!type.getElementType().isF32())
    vector = arith::ExtFOp::create(b, type.clone(b.getF32Type()), vector);
  SmallVector<Value> values;
  for (int64_t i = 0; i < type.getNumElements(); ++i)
    values.push_back(vector::ExtractOp::create(b, vector, i));
  return values;
}

SmallVector<Value> loadElements(ImplicitLocOpBuilder &b, Type stored, int64_t count, Value pointer,
                                int64_t alignment) {
  return wideElements(b, loadVector(b, stored, count, pointer, alignment));
}

void storeElements(ImplicitLocOpBuilder &b, ArrayRef<Value> values, Type stored, Value pointer,
                   int64_t alignment) {
  auto type = VectorType::get({static_cast<int64_t>(values.size())}, b.getF32Type());
  Value vector = vector::FromElementsOp::create(b, type, values);
  if (!stored.isF32())
    vector = arith::TruncFOp::create(b, type.clone(stored), vector);
  LLVM::StoreOp::create(b, vector, pointer, alignment);
}

} // namespace mlir::qvl
