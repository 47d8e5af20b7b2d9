// Verifiers and folds of the size arithmetic.

#include "dialects/qvlx/IR/Qvlx.h"

#include "llvm/Support/CheckedArithmetic.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mlir::qvlx;

LogicalResult DimOp::verify() {
  BufferType type = getBuffer().getType();
  auto dimension = static_cast<int64_t>(getDimension());
  // dim_c1
  if (dimension < 0 || dimension >= type.getRank() || !type.isDynamicDim(dimension))
    return emitOpError() << "dimension " << dimension << " of " << type
                         << " must exist and be dynamic";
  // dim_c2
  if (!isa<BlockArgument>(getBuffer()))
    return emitOpError() << "the buffer must be an argument of the program";
  return success();
}

LogicalResult ConstantOp::verify() {
  // constant_c1
  if (auto value = static_cast<int64_t>(getValue()); value < 0)
    return emitOpError() << "a size must not be negative, got " << value;
  return success();
}

OpFoldResult ConstantOp::fold(FoldAdaptor) {
  return IntegerAttr::get(IndexType::get(getContext()), static_cast<int64_t>(getValue()));
}

/// Folds two constants with `compute`, which answers nothing when the result is not a size
/// (overflow, division by zero).
static OpFoldResult foldConstants(Attribute lhs, Attribute rhs,
                                  function_ref<std::optional<int64_t>(int64_t, int64_t)> compute) {
  auto a = dyn_cast_or_null<IntegerAttr>(lhs), b = dyn_cast_or_null<IntegerAttr>(rhs);
  if (!a || !b)
    return {};
  std::optional<int64_t> size = compute(a.getInt(), b.getInt());
  if (!size || *size < 0)
    return {};
  return IntegerAttr::get(a.getType(), *size);
}

/// True for the constant `value`.
static bool isConstant(Attribute attribute, int64_t value) {
  auto size = dyn_cast_or_null<IntegerAttr>(attribute);
  return size && size.getInt() == value;
}

OpFoldResult AddOp::fold(FoldAdaptor adaptor) {
  if (isConstant(adaptor.getRhs(), 0))
    return getLhs();
  return foldConstants(adaptor.getLhs(), adaptor.getRhs(), llvm::checkedAdd<int64_t>);
}

OpFoldResult SubOp::fold(FoldAdaptor adaptor) {
  if (isConstant(adaptor.getRhs(), 0))
    return getLhs();
  return foldConstants(adaptor.getLhs(), adaptor.getRhs(), llvm::checkedSub<int64_t>);
}

OpFoldResult MulOp::fold(FoldAdaptor adaptor) {
  if (isConstant(adaptor.getRhs(), 1))
    return getLhs();
  return foldConstants(adaptor.getLhs(), adaptor.getRhs(), llvm::checkedMul<int64_t>);
}

/// A quotient by 1 or of constants; `divide` is not asked for divisors that are not positive.
static OpFoldResult foldQuotient(Value dividend, Attribute lhs, Attribute rhs,
                                 function_ref<int64_t(int64_t, int64_t)> divide) {
  if (isConstant(rhs, 1))
    return dividend;
  return foldConstants(lhs, rhs, [&](int64_t a, int64_t b) -> std::optional<int64_t> {
    return b <= 0 ? std::nullopt : std::optional(divide(a, b));
  });
}

OpFoldResult FloorDivOp::fold(FoldAdaptor adaptor) {
  return foldQuotient(getLhs(), adaptor.getLhs(), adaptor.getRhs(),
                      [](int64_t a, int64_t b) { return a / b; });
}

OpFoldResult CeilDivOp::fold(FoldAdaptor adaptor) {
  return foldQuotient(getLhs(), adaptor.getLhs(), adaptor.getRhs(),
                      [](int64_t a, int64_t b) { return llvm::divideCeilSigned(a, b); });
}

OpFoldResult MinOp::fold(FoldAdaptor adaptor) {
  return foldConstants(
      adaptor.getLhs(), adaptor.getRhs(),
      [](int64_t a, int64_t b) -> std::optional<int64_t> { return std::min(a, b); });
}

OpFoldResult MaxOp::fold(FoldAdaptor adaptor) {
  return foldConstants(
      adaptor.getLhs(), adaptor.getRhs(),
      [](int64_t a, int64_t b) -> std::optional<int64_t> { return std::max(a, b); });
}
