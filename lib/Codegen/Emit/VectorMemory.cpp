#include "VectorMemory.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

namespace mlir::qvl {
namespace {

unsigned alignmentOf(Type type) { return getElementTypeOrSelf(type).getIntOrFloatBitWidth() / 8; }

Type pointerType(ImplicitLocOpBuilder &b) { return LLVM::LLVMPointerType::get(b.getContext()); }

} // namespace

Value constantIndex(ImplicitLocOpBuilder &b, int64_t value) {
  return arith::ConstantIndexOp::create(b, value);
}

Value constantFloat(ImplicitLocOpBuilder &b, Type type, double value) {
  TypedAttr attribute = b.getFloatAttr(getElementTypeOrSelf(type), value);
  if (auto vector = dyn_cast<VectorType>(type))
    attribute = DenseElementsAttr::get(vector, attribute);
  return arith::ConstantOp::create(b, attribute);
}

Value elementPointer(ImplicitLocOpBuilder &b, Type element, Value base, Value index) {
  Value offset = arith::IndexCastOp::create(b, b.getI64Type(), index);
  return LLVM::GEPOp::create(b, pointerType(b), element, base, ValueRange{offset});
}

Value elementPointer(ImplicitLocOpBuilder &b, Type element, Value base, int64_t index) {
  if (index == 0)
    return base;
  if (!llvm::isInt<32>(index)) // beyond the constant indices of a GEP
    return elementPointer(b, element, base, constantIndex(b, index));
  LLVM::GEPArg offset = static_cast<int32_t>(index);
  return LLVM::GEPOp::create(b, pointerType(b), element, base, offset);
}

Value load(ImplicitLocOpBuilder &b, Type type, Value pointer) {
  return LLVM::LoadOp::create(b, type, pointer, alignmentOf(type));
}

Value loadIndex(ImplicitLocOpBuilder &b, Value pointer) {
  return arith::IndexCastOp::create(b, b.getIndexType(), load(b, b.getI32Type(), pointer));
}

void store(ImplicitLocOpBuilder &b, Value value, Value pointer) {
  LLVM::StoreOp::create(b, value, pointer, alignmentOf(value.getType()));
}

Value laneMask(ImplicitLocOpBuilder &b, int64_t lanes, Value count) {
  // 32-bit lane numbers: they fill the same number of vector registers as the data.
  SmallVector<int32_t> numbers = llvm::to_vector(llvm::seq<int32_t>(0, lanes));
  auto type = VectorType::get({lanes}, b.getI32Type());
  Value limit = constantIndex(b, lanes);
  Value clamped =
      arith::MaxSIOp::create(b, arith::MinSIOp::create(b, count, limit), constantIndex(b, 0));
  Value narrow = arith::IndexCastOp::create(b, b.getI32Type(), clamped);
  Value bound = vector::BroadcastOp::create(b, type, narrow);
  Value lane = arith::ConstantOp::create(b, DenseIntElementsAttr::get(type, numbers));
  return arith::CmpIOp::create(b, arith::CmpIPredicate::slt, lane, bound);
}

Value maskedLoad(ImplicitLocOpBuilder &b, VectorType type, Value pointer, Value mask) {
  Value zero = arith::ConstantOp::create(b, b.getZeroAttr(type));
  return LLVM::MaskedLoadOp::create(b, type, pointer, mask, zero, alignmentOf(type));
}

void maskedStore(ImplicitLocOpBuilder &b, Value value, Value pointer, Value mask) {
  LLVM::MaskedStoreOp::create(b, value, pointer, mask, alignmentOf(value.getType()));
}

} // namespace mlir::qvl
