// Math functions of kernels without a math library.
#pragma once

#include "mlir/IR/PatternMatch.h"
#include "mlir/Pass/Pass.h"

namespace mlir::qvl {

/// Patterns that rewrite `math.exp`, `math.erf`, `math.rsqrt`, `math.sin` and `math.cos` on f32
/// scalars and vectors of f32 to `arith` and to the `math` ops every target has as instructions
/// (`fma`, `sqrt`, `roundeven`, `absf`, `copysign`). Errors are at most 2 ulp:
///
/// * `exp`: the whole range; overflow gives infinity, results below the smallest normal number are
///   rounded to denormals;
/// * `erf`: the whole range, with the relative error kept for small arguments; denormal arguments
///   that the target's multiplication keeps stay denormal;
/// * `rsqrt`: 1 / sqrt(x) with both steps rounded correctly;
/// * `sin`, `cos`: |x| up to 2^48; the range is reduced and the polynomials are evaluated in f64.
///
/// NaN operands give NaN.
///
/// With `avx512`, `exp` of 16 lanes scales by 2^n in one instruction; its results are the same.
void populateExpandMathPatterns(RewritePatternSet &patterns, bool avx512 = false);

/// `qvl-expand-math`: applies the patterns to everything below the op it runs on.
std::unique_ptr<Pass> createExpandMathPass(bool avx512 = false);
void registerExpandMathPass();

} // namespace mlir::qvl
