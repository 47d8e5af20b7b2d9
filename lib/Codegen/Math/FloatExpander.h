// The few arith and math ops that expansions of math functions are written with.
#pragma once

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace mlir::qvl {

/// Builds scalar or vector arithmetic alike: constants are splats of the operand's shape.
class FloatExpander {
public:
  /// `type` is the operand type of the function to expand: a float or a vector of floats. `avx512`:
  /// the target has its instructions.
  FloatExpander(OpBuilder &builder, Location loc, Type type, bool avx512)
      : b(loc, builder), shape(dyn_cast<VectorType>(type)), avx512(avx512) {}

  /// `element` in the operand's shape.
  Type typeOf(Type element) { return shape ? Type(shape.clone(element)) : element; }
  Type f32() { return typeOf(b.getF32Type()); }
  Type f64() { return typeOf(b.getF64Type()); }
  Type i32() { return typeOf(b.getI32Type()); }
  Type i64() { return typeOf(b.getI64Type()); }

  /// A constant of `type`, which came from one of the functions above.
  Value constant(Type type, double value) {
    return splat(type, b.getFloatAttr(getElementTypeOrSelf(type), value));
  }
  Value integer(Type type, int64_t value) {
    return splat(type, b.getIntegerAttr(getElementTypeOrSelf(type), value));
  }

  Value add(Value x, Value y) { return arith::AddFOp::create(b, x, y); }
  Value sub(Value x, Value y) { return arith::SubFOp::create(b, x, y); }
  Value mul(Value x, Value y) { return arith::MulFOp::create(b, x, y); }
  Value div(Value x, Value y) { return arith::DivFOp::create(b, x, y); }
  /// x · y + z, rounded once.
  Value fma(Value x, Value y, Value z) { return math::FmaOp::create(b, x, y, z); }
  /// The smaller of x and `limit`; NaN stays NaN.
  Value atMost(Value x, double limit) { return clampTo(arith::CmpFPredicate::OGT, x, limit); }
  Value atLeast(Value x, double limit) { return clampTo(arith::CmpFPredicate::OLT, x, limit); }
  Value select(Value condition, Value x, Value y) {
    return arith::SelectOp::create(b, condition, x, y);
  }
  Value bitcast(Type type, Value x) { return arith::BitcastOp::create(b, type, x); }

  /// Whether scale() has an instruction for the operand's shape.
  bool canScale() const { return avx512 && shape && shape.getShape() == ArrayRef<int64_t>{16}; }
  /// x · 2^n for integers n in f32, rounded once.
  Value scale(Value x, Value n) {
    Value everyLane = arith::ConstantOp::create(b, b.getI16IntegerAttr(-1));
    Value currentRounding = arith::ConstantOp::create(b, b.getI32IntegerAttr(4));
    return LLVM::CallIntrinsicOp::create(b, x.getType(),
                                         b.getStringAttr("llvm.x86.avx512.mask.scalef.ps.512"),
                                         ValueRange{x, n, x, everyLane, currentRounding})
        .getResults();
  }

  /// Horner's rule with one fma a step; `coefficients` from the constant term up.
  Value polynomial(Value x, llvm::ArrayRef<double> coefficients) {
    Value sum = constant(x.getType(), coefficients.back());
    for (double coefficient : llvm::reverse(coefficients.drop_back()))
      sum = fma(sum, x, constant(x.getType(), coefficient));
    return sum;
  }

  ImplicitLocOpBuilder b;

private:
  Value splat(Type type, TypedAttr element) {
    if (auto vector = dyn_cast<VectorType>(type))
      element = DenseElementsAttr::get(vector, Attribute(element));
    return arith::ConstantOp::create(b, element);
  }
  Value clampTo(arith::CmpFPredicate beyond, Value x, double limit) {
    Value bound = constant(x.getType(), limit);
    return select(arith::CmpFOp::create(b, beyond, x, bound), bound, x);
  }

  VectorType shape;
  bool avx512;
};

/// e^x for f32 operands of any size.
Value expandExp(FloatExpander &e, Value x);
/// The error function of f32 operands of any size.
Value expandErf(FloatExpander &e, Value x);
/// sin(x), or cos(x), of f32 operands up to 2^48.
Value expandSin(FloatExpander &e, Value x);
Value expandCos(FloatExpander &e, Value x);

} // namespace mlir::qvl
