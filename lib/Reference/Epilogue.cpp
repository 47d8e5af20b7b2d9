// The scalar ops of epilogues, each over whole arrays.

#include "Epilogue.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "llvm/ADT/TypeSwitch.h"

#include <cmath>

using namespace mlir;
using namespace mlir::qvl;
using namespace mlir::qvl::reference;

namespace {
/// The values of one region while it is evaluated.
class Epilogue {
public:
  Epilogue(Block &body, std::vector<Tensor> arguments, Precision precision)
      : shape(arguments.front().shape), precision(precision) {
    for (auto [argument, tensor] : llvm::zip(body.getArguments(), arguments))
      values[argument] = std::move(tensor);
  }

  FailureOr<Tensor> evaluate(Operation &op) const;
  void define(Value value, Tensor tensor) { values[value] = std::move(tensor); }
  Tensor take(Value value) { return std::move(values[value]); }

private:
  /// `function` of the elements of all operands of `op`.
  template <typename Function> Tensor map(Operation *op, Function function) const {
    return inPrecision(precision, [&](auto zero) {
      Tensor result(shape);
      for (int64_t i = 0; i < result.size(); ++i)
        result.values[i] = apply<decltype(zero)>(op, i, function);
      return result;
    });
  }
  /// `function` of element `i` of the one or two operands of `op`.
  template <typename Real, typename Function>
  Real apply(Operation *op, int64_t i, Function function) const {
    if constexpr (std::is_invocable_v<Function, Real>)
      return function(element<Real>(op->getOperand(0), i));
    else
      return function(element<Real>(op->getOperand(0), i), element<Real>(op->getOperand(1), i));
  }
  template <typename Real> Real element(Value value, int64_t i) const {
    return static_cast<Real>(values.find(value)->second.values[i]);
  }
  Tensor constant(arith::ConstantOp op) const {
    Tensor result(shape);
    llvm::fill(result.values, cast<FloatAttr>(op.getValue()).getValueAsDouble());
    return result;
  }

  std::vector<int64_t> shape;
  Precision precision;
  DenseMap<Value, Tensor> values;
};
} // namespace

/// IEEE-754 maximum: NaN when either is, and +0 above -0.
template <typename Real> static Real maximum(Real x, Real y) {
  if (std::isnan(x) || std::isnan(y))
    return x + y;
  if (x == y)
    return std::signbit(x) ? y : x;
  return x > y ? x : y;
}

FailureOr<Tensor> Epilogue::evaluate(Operation &op) const {
  return TypeSwitch<Operation *, FailureOr<Tensor>>(&op)
      .Case([&](arith::AddFOp) { return map(&op, [](auto x, decltype(x) y) { return x + y; }); })
      .Case([&](arith::SubFOp) { return map(&op, [](auto x, decltype(x) y) { return x - y; }); })
      .Case([&](arith::MulFOp) { return map(&op, [](auto x, decltype(x) y) { return x * y; }); })
      .Case([&](arith::DivFOp) { return map(&op, [](auto x, decltype(x) y) { return x / y; }); })
      .Case([&](arith::MaximumFOp) {
        return map(&op, [](auto x, decltype(x) y) { return maximum(x, y); });
      })
      .Case([&](arith::MinimumFOp) {
        return map(&op, [](auto x, decltype(x) y) { return -maximum(-x, -y); });
      })
      .Case([&](arith::NegFOp) { return map(&op, [](auto x) { return -x; }); })
      .Case([&](math::ExpOp) { return map(&op, [](auto x) { return std::exp(x); }); })
      .Case([&](math::ErfOp) { return map(&op, [](auto x) { return std::erf(x); }); })
      .Case([&](math::SqrtOp) { return map(&op, [](auto x) { return std::sqrt(x); }); })
      .Case([&](math::RsqrtOp) {
        return map(&op, [](auto x) { return decltype(x){1} / std::sqrt(x); });
      })
      .Case([&](math::AbsFOp) { return map(&op, [](auto x) { return std::abs(x); }); })
      .Case([&](math::TanhOp) { return map(&op, [](auto x) { return std::tanh(x); }); })
      .Case([&](arith::ConstantOp constant) -> FailureOr<Tensor> {
        if (!isa<FloatAttr>(constant.getValue()))
          return op.emitOpError() << "is unknown to the reference interpreter";
        return this->constant(constant);
      })
      .Default([](Operation *unknown) -> FailureOr<Tensor> {
        return unknown->emitOpError() << "is unknown to the reference interpreter";
      });
}

FailureOr<Tensor> reference::evaluateEpilogue(FusedLinearOp op, std::vector<Tensor> arguments,
                                              Precision precision) {
  Block &body = op.getEpilogue().front();
  Epilogue epilogue(body, std::move(arguments), precision);
  for (Operation &step : body.without_terminator()) {
    FailureOr<Tensor> value = epilogue.evaluate(step);
    if (failed(value))
      return failure();
    epilogue.define(step.getResult(0), std::move(*value));
  }
  return epilogue.take(cast<YieldOp>(body.getTerminator()).getValue());
}
