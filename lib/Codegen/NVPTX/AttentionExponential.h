// The exponential function of attention's softmax.
#pragma once

#include "WarpInstructions.h"

#include "mlir/Dialect/Math/IR/Math.h"

#include <numbers>

namespace mlir::qvl {

/// exp(scale · x) as a scaling of x, which callers fold into their arithmetic, and a function of
/// the scaled number. Approximate, it is a power of two by the instruction for it: between bf16
/// operands and results its error of 2^-22 does not count. Minus infinity gives zero in both forms.
class AttentionExponential {
public:
  AttentionExponential(bool approximate, double scale)
      : approximate(approximate), factor(approximate ? scale * std::numbers::log2e : scale) {}

  /// The factor to scale with.
  double scale() const { return factor; }
  /// A scaled number times this is scale · x.
  double unit() const { return approximate ? std::numbers::ln2 : 1; }
  Value operator()(ImplicitLocOpBuilder &b, Value scaled) const {
    return approximate ? approximateExp2(b, scaled) : math::ExpOp::create(b, scaled).getResult();
  }

private:
  bool approximate;
  double factor;
};

} // namespace mlir::qvl
