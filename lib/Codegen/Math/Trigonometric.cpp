// sin and cos of f32 operands, evaluated in f64 and rounded once.

#include "lib/Codegen/Math/FloatExpander.h"

using namespace mlir;
using namespace mlir::qvl;

namespace {
/// An angle as quadrant · π/2 + rest with |rest| <= π/4.
struct ReducedAngle {
  Value quadrant; ///< i64; only the low two bits count.
  Value rest;     ///< f64.
};
} // namespace

/// π/2 is taken as the sum of two f64 numbers, and each fma rounds once: the error of the rest is
/// that of its last rounding plus quadrant · 2^-107, far below f32 for every f32 argument up to
/// 2^48.
static ReducedAngle reduceAngle(FloatExpander &e, Value x) {
  Type f64 = e.f64();
  Value wide = arith::ExtFOp::create(e.b, f64, x);
  // Adding 1.5 · 2^52 leaves the rounded quotient in the low bits; infinities turn into NaN without
  // a conversion.
  Value magic = e.constant(f64, 0x1.8p52);
  Value shifted = e.fma(wide, e.constant(f64, 0.6366197723675814), magic);
  Value quotient = e.sub(shifted, magic);
  Value rest = e.fma(quotient, e.constant(f64, -1.5707963267948966), wide);
  rest = e.fma(quotient, e.constant(f64, -6.123233995736766e-17), rest);
  return {e.bitcast(e.i64(), shifted), rest};
}

/// The sine of the angle plus `turns` quarter turns (one gives the cosine): Taylor polynomials,
/// whose first missing term is below 1e-11 on |rest| <= π/4.
static Value sineOfQuadrant(FloatExpander &e, ReducedAngle angle, int64_t turns) {
  Type f64 = e.f64(), i64 = e.i64();
  Value square = e.mul(angle.rest, angle.rest);
  Value sine =
      e.polynomial(square, {1.0, -1.0 / 6, 1.0 / 120, -1.0 / 5040, 1.0 / 362880, -1.0 / 39916800});
  sine = e.mul(sine, angle.rest);
  Value cosine = e.polynomial(
      square, {1.0, -1.0 / 2, 1.0 / 24, -1.0 / 720, 1.0 / 40320, -1.0 / 3628800, 1.0 / 479001600});
  Value quadrant = arith::AddIOp::create(e.b, angle.quadrant, e.integer(i64, turns));
  Value one = e.integer(i64, 1);
  Value odd = arith::CmpIOp::create(e.b, arith::CmpIPredicate::eq,
                                    arith::AndIOp::create(e.b, quadrant, one), one);
  // Bit 1 of the quadrant is the sign; moved to the sign bit of the number.
  Value sign = arith::ShLIOp::create(e.b, arith::AndIOp::create(e.b, quadrant, e.integer(i64, 2)),
                                     e.integer(i64, 62));
  Value bits = e.bitcast(i64, e.select(odd, cosine, sine));
  Value result = e.bitcast(f64, arith::XOrIOp::create(e.b, bits, sign));
  return arith::TruncFOp::create(e.b, e.f32(), result);
}

Value mlir::qvl::expandSin(FloatExpander &e, Value x) {
  return sineOfQuadrant(e, reduceAngle(e, x), 0);
}
Value mlir::qvl::expandCos(FloatExpander &e, Value x) {
  return sineOfQuadrant(e, reduceAngle(e, x), 1);
}
