// The few arith and math ops that expansions of math functions are written with.
#pragma once

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace qvl {

/// Builds scalar or vector arithmetic alike: constants are splats of the operand's shape.
class FloatExpander {
public:
  /// `type` is the operand type of the function to expand: a float or a vector of floats.
  FloatExpander(mlir::OpBuilder &builder, mlir::Location loc, mlir::Type type)
      : b(loc, builder), shape(mlir::dyn_cast<mlir::VectorType>(type)) {}

  /// `element` in the operand's shape.
  mlir::Type typeOf(mlir::Type element) {
    return shape ? mlir::Type(shape.clone(element)) : element;
  }
  mlir::Type f32() { return typeOf(b.getF32Type()); }
  mlir::Type f64() { return typeOf(b.getF64Type()); }
  mlir::Type i32() { return typeOf(b.getI32Type()); }
  mlir::Type i64() { return typeOf(b.getI64Type()); }

  /// A constant of `type`, which came from one of the functions above.
  mlir::Value constant(mlir::Type type, double value) {
    return splat(type, b.getFloatAttr(mlir::getElementTypeOrSelf(type), value));
  }
  mlir::Value integer(mlir::Type type, int64_t value) {
    return splat(type, b.getIntegerAttr(mlir::getElementTypeOrSelf(type), value));
  }

  mlir::Value add(mlir::Value x, mlir::Value y) { return mlir::arith::AddFOp::create(b, x, y); }
  mlir::Value sub(mlir::Value x, mlir::Value y) { return mlir::arith::SubFOp::create(b, x, y); }
  mlir::Value mul(mlir::Value x, mlir::Value y) { return mlir::arith::MulFOp::create(b, x, y); }
  mlir::Value div(mlir::Value x, mlir::Value y) { return mlir::arith::DivFOp::create(b, x, y); }
  /// x · y + z, rounded once.
  mlir::Value fma(mlir::Value x, mlir::Value y, mlir::Value z) {
    return mlir::math::FmaOp::create(b, x, y, z);
  }
  /// The smaller of x and `limit`; NaN stays NaN.
  mlir::Value atMost(mlir::Value x, double limit) {
    return clampTo(mlir::arith::CmpFPredicate::OGT, x, limit);
  }
  mlir::Value atLeast(mlir::Value x, double limit) {
    return clampTo(mlir::arith::CmpFPredicate::OLT, x, limit);
  }
  mlir::Value select(mlir::Value condition, mlir::Value x, mlir::Value y) {
    return mlir::arith::SelectOp::create(b, condition, x, y);
  }
  mlir::Value bitcast(mlir::Type type, mlir::Value x) {
    return mlir::arith::BitcastOp::create(b, type, x);
  }

  /// Horner's rule with one fma a step; `coefficients` from the constant term up.
  mlir::Value polynomial(mlir::Value x, llvm::ArrayRef<double> coefficients) {
    mlir::Value sum = constant(x.getType(), coefficients.back());
    for (double coefficient : llvm::reverse(coefficients.drop_back()))
      sum = fma(sum, x, constant(x.getType(), coefficient));
    return sum;
  }

  mlir::ImplicitLocOpBuilder b;

private:
  mlir::Value splat(mlir::Type type, mlir::TypedAttr element) {
    if (auto vector = mlir::dyn_cast<mlir::VectorType>(type))
      element = mlir::DenseElementsAttr::get(vector, mlir::Attribute(element));
    return mlir::arith::ConstantOp::create(b, element);
  }
  mlir::Value clampTo(mlir::arith::CmpFPredicate beyond, mlir::Value x, double limit) {
    mlir::Value bound = constant(x.getType(), limit);
    return select(mlir::arith::CmpFOp::create(b, beyond, x, bound), bound, x);
  }

  mlir::VectorType shape;
};

/// e^x for f32 operands of any size.
mlir::Value expandExp(FloatExpander &e, mlir::Value x);
/// The error function of f32 operands of any size.
mlir::Value expandErf(FloatExpander &e, mlir::Value x);
/// sin(x), or cos(x), of f32 operands up to 2^48.
mlir::Value expandSin(FloatExpander &e, mlir::Value x);
mlir::Value expandCos(FloatExpander &e, mlir::Value x);

} // namespace qvl
