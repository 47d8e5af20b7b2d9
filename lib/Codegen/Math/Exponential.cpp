// exp and erf in f32. The polynomials are least-squares fits on Chebyshev nodes, weighted for the
// relative error of the result, with the coefficients rounded to f32 one after the other from the
// lowest up.

#include "lib/Codegen/Math/FloatExpander.h"

using namespace mlir;
using namespace mlir::qvl;

/// 2^n as f32 for integers n in [-126, 127]: the number's exponent bits.
static Value powerOfTwo(FloatExpander &e, Value n) {
  Value biased = arith::AddIOp::create(e.b, n, e.integer(e.i32(), 127));
  return e.bitcast(e.f32(), arith::ShLIOp::create(e.b, biased, e.integer(e.i32(), 23)));
}

Value mlir::qvl::expandExp(FloatExpander &e, Value x) {
  Type f32 = e.f32();
  // Beyond these bounds the result is infinity or zero anyway.
  x = e.atLeast(e.atMost(x, 89.0), -105.0);
  // n = round(x / ln 2): adding 1.5 · 2^23 leaves the integer in the low bits, without a conversion
  // that NaN would make undefined.
  Value magic = e.constant(f32, 0x1.8p23);
  Value shifted = e.fma(x, e.constant(f32, 1.4426950408889634), magic);
  Value n = arith::SubIOp::create(e.b, e.bitcast(e.i32(), shifted),
                                  e.integer(e.i32(), llvm::bit_cast<int32_t>(0x1.8p23f)));
  Value nFloat = e.sub(shifted, magic);
  // r = x − n · ln 2 in two steps: the first constant is ln 2 rounded to f32, the second what is
  // missing.
  Value r = e.fma(nFloat, e.constant(f32, -0.6931471824645996), x);
  r = e.fma(nFloat, e.constant(f32, 1.9046542121259336e-09), r);
  // e^r = 1 + r + r² · q(r) on |r| <= ln 2 / 2.
  Value q = e.polynomial(r, {0.5, 0.1666666716337204, 0.04166645556688309, 0.008333197794854641,
                             0.001393576036207378, 0.00019953405717387795});
  Value power = e.add(e.fma(e.mul(r, r), q, r), e.constant(f32, 1.0));
  if (e.canScale())
    return e.scale(power, nFloat);
  // 2^n in two factors, since n reaches from −151 to 128; only the last product can round.
  Value half = arith::ShRSIOp::create(e.b, n, e.integer(e.i32(), 1));
  Value rest = arith::SubIOp::create(e.b, n, half);
  return e.mul(e.mul(power, powerOfTwo(e, half)), powerOfTwo(e, rest));
}

Value mlir::qvl::expandErf(FloatExpander &e, Value x) {
  Type f32 = e.f32();
  Value magnitude = math::AbsFOp::create(e.b, x);
  // Small: erf(x) = x + x · p(x²).
  Value p = e.polynomial(e.mul(x, x),
                         {0.12837915122509003, -0.37612488865852356, 0.11281736940145493,
                          -0.026763347908854485, 0.004988096188753843, -0.0005964095471426845});
  Value small = e.fma(x, p, x);
  // Large: erf(t) = 1 − e^(−t · (1 + q(t))). From 4 on the result rounds to 1.
  Value t = e.atMost(magnitude, 4.0);
  Value q = e.polynomial(t, {0.12852533161640167, 0.6356779932975769, 0.10531958192586899,
                             -0.022930176928639412, 0.003228563815355301, -0.00021577384904958308});
  Value exponent = e.fma(t, q, t);
  Value large = e.sub(e.constant(f32, 1.0), expandExp(e, arith::NegFOp::create(e.b, exponent)));
  large = math::CopySignOp::create(e.b, large, x);
  Value isLarge = arith::CmpFOp::create(e.b, arith::CmpFPredicate::OGT, magnitude,
                                        e.constant(f32, 0.927734375));
  return e.select(isLarge, large, small);
}
