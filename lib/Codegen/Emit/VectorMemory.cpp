#include "VectorMemory.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

namespace mlir::qvl {
namespace {

unsigned alignmentOf(Type type) { return getElementTypeOrSelf(type).getIntOrFloatBitWidth() / 8; }

/// A splat of a 32-bit word in the lanes of `type`.
Value wordSplat(ImplicitLocOpBuilder &b, VectorType type, uint32_t value) {
  return arith::ConstantOp::create(b, DenseElementsAttr::get(type, APInt(32, value)));
}

/// A bf16 is the high half of an f32.
Value widenBf16(ImplicitLocOpBuilder &b, Value bits, VectorType type) {
  VectorType words = type.clone(b.getI32Type());
  Value high =
      arith::ShLIOp::create(b, arith::ExtUIOp::create(b, words, bits), wordSplat(b, words, 16));
  return arith::BitcastOp::create(b, type, high);
}

} // namespace

Value roundToBf16(ImplicitLocOpBuilder &b, Value value) {
  auto type = cast<VectorType>(value.getType());
  VectorType words = type.clone(b.getI32Type());
  Value sixteen = wordSplat(b, words, 16);
  Value bits = arith::BitcastOp::create(b, words, value);
  Value odd =
      arith::AndIOp::create(b, arith::ShRUIOp::create(b, bits, sixteen), wordSplat(b, words, 1));
  Value bias = arith::AddIOp::create(b, odd, wordSplat(b, words, 0x7fff));
  Value rounded = arith::AddIOp::create(b, bits, bias);
  // Rounding could carry the bits of a NaN over to a number. Its own bits made quiet, and not a
  // constant: LLVM would move the choice of a constant behind the conversion, to bf16.
  Value isNaN = arith::CmpFOp::create(b, arith::CmpFPredicate::UNO, value, value);
  Value quiet = arith::OrIOp::create(b, bits, wordSplat(b, words, 0x400000));
  Value chosen = arith::SelectOp::create(b, isNaN, quiet, rounded);
  return arith::TruncIOp::create(b, type.clone(b.getI16Type()),
                                 arith::ShRUIOp::create(b, chosen, sixteen));
}

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
  return LLVM::GEPOp::create(b, base.getType(), element, base, ValueRange{offset});
}

Value elementPointer(ImplicitLocOpBuilder &b, Type element, Value base, int64_t index) {
  if (index == 0)
    return base;
  if (!llvm::isInt<32>(index)) // beyond the constant indices of a GEP
    return elementPointer(b, element, base, constantIndex(b, index));
  LLVM::GEPArg offset = static_cast<int32_t>(index);
  return LLVM::GEPOp::create(b, base.getType(), element, base, offset);
}

Value load(ImplicitLocOpBuilder &b, Type type, Value pointer, int64_t alignment) {
  return LLVM::LoadOp::create(b, type, pointer, alignment ? alignment : alignmentOf(type));
}

Value loadIndex(ImplicitLocOpBuilder &b, Value pointer) {
  return arith::IndexCastOp::create(b, b.getIndexType(), load(b, b.getI32Type(), pointer));
}

void store(ImplicitLocOpBuilder &b, Value value, Value pointer, int64_t alignment) {
  LLVM::StoreOp::create(b, value, pointer, alignment ? alignment : alignmentOf(value.getType()));
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

Value loadFloats(ImplicitLocOpBuilder &b, VectorType type, Type element, Value pointer, Value mask,
                 int64_t alignment) {
  VectorType stored = element.isBF16() ? type.clone(b.getI16Type()) : type;
  Value value = mask ? maskedLoad(b, stored, pointer, mask) : load(b, stored, pointer, alignment);
  return element.isBF16() ? widenBf16(b, value, type) : value;
}

void storeFloats(ImplicitLocOpBuilder &b, Value value, Type element, Value pointer, Value mask,
                 int64_t alignment) {
  if (element.isBF16())
    value = roundToBf16(b, value);
  if (mask)
    maskedStore(b, value, pointer, mask);
  else
    store(b, value, pointer, alignment);
}

} // namespace mlir::qvl
