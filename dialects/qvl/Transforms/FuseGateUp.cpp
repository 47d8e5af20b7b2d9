// qvl-fuse-gate-up: the gated unit of an MLP as one fused linear of two weights that are one
// parameter.

#include "dialects/qvl/Fusion/Epilogue.h"
#include "dialects/qvl/Fusion/FusionReport.h"
#include "dialects/qvl/Fusion/JoinedParameters.h"
#include "dialects/qvl/Transforms/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace mlir::qvl;

namespace mlir::qvl {
#define GEN_PASS_DEF_FUSEGATEUPPASS
#include "dialects/qvl/Transforms/Passes.h.inc"
} // namespace mlir::qvl

/// Both projections read the same rows.
static bool haveOneInput(LinearOp gate, LinearOp up) { return gate.getInput() == up.getInput(); }

/// The rows of both weights can be those of one parameter.
static bool haveOneWeightType(LinearOp gate, LinearOp up) {
  return gate.getWeight().getType() == up.getWeight().getType();
}

/// An op other than `reader` that needs what the fused op does not write.
static Operation *otherReader(Operation *op, Operation *reader) {
  for (Operation *user : op->getUsers())
    if (user != reader)
      return user;
  return nullptr;
}

namespace {

/// The ops of one gated unit, `mul(silu(gate), up)` in either order of operands.
struct GatedUnit {
  SiluOp silu;
  LinearOp gate, up;

  static std::optional<GatedUnit> match(Value activated, Value linear) {
    auto silu = activated.getDefiningOp<SiluOp>();
    auto up = linear.getDefiningOp<LinearOp>();
    auto gate = silu ? silu.getInput().getDefiningOp<LinearOp>() : LinearOp();
    if (!gate || !up)
      return std::nullopt;
    return GatedUnit{silu, gate, up};
  }
};

} // namespace

/// The first reason against joining the unit, reported.
static LogicalResult checkLegality(MulOp mul, const GatedUnit &unit, Parameters &parameters,
                                   FusionReport &report) {
  auto [silu, gate, up] = unit;
  if (!haveOneInput(gate, up))
    return report.missed(mul, describe(up) + " reads other rows than " + describe(gate));
  if (!haveOneWeightType(gate, up))
    return report.missed(mul, "the weight of " + describe(up) + " has another type than that of " +
                                  describe(gate));
  for (auto [op, reader] :
       {std::pair<Operation *, Operation *>(gate, silu), {silu, mul}, {up, mul}})
    if (Operation *other = otherReader(op, reader))
      return report.missed(mul, describe(op) + " is read by " + describe(other));
  for (Value weight : {gate.getWeight(), up.getWeight()})
    if (!isJoinable(weight, parameters))
      return report.missed(mul, "an operand is no parameter of these projections alone: " +
                                    nameOf(weight));
  return success();
}

/// The unit as one op on the joined weight, with the biases that its projections have.
static FusedLinearOp build(OpBuilder &builder, Type result, LinearOp gate, LinearOp up,
                           Value weight) {
  SmallVector<Value> biases;
  for (LinearOp linear : {gate, up})
    if (linear.getBias())
      biases.push_back(linear.getBias());
  auto body = [&](ImplicitLocOpBuilder &b, ValueRange arguments) -> Value {
    ValueRange operands = arguments.drop_front(2);
    Value g = arguments[0], u = arguments[1];
    if (gate.getBias())
      g = arith::AddFOp::create(b, g, operands.front());
    if (up.getBias())
      u = arith::AddFOp::create(b, u, operands.back());
    return arith::MulFOp::create(b, siluOf(b, g), u);
  };
  return createFusedLinear(builder, gate.getLoc(), result, gate.getInput(), weight, biases, body);
}

/// mul(silu(linear(x, Wg)), linear(x, Wu)) → fused_linear x, (Wg above Wu)
static LogicalResult fuseGatedUnit(MulOp mul, RewriterBase &rewriter, Parameters &parameters,
                                   FusionReport &report) {
  std::optional<GatedUnit> unit = GatedUnit::match(mul.getLhs(), mul.getRhs());
  if (!unit)
    unit = GatedUnit::match(mul.getRhs(), mul.getLhs());
  if (!unit)
    return rewriter.notifyMatchFailure(mul, "no silu of a linear times a linear");
  if (failed(checkLegality(mul, *unit, parameters, report)))
    return failure();
  auto [silu, gate, up] = *unit;
  report.passed(gate.getLoc(), describe(silu) + ", " + describe(up) + " and " + describe(mul) +
                                   " into " + describe(gate));
  Value weights[] = {gate.getWeight(), up.getWeight()};
  std::string name = (commonScope(weights, parameters) + "gate_up_proj.weight").str();
  Value weight = join(weights, name, rewriter, gate.getLoc(), parameters);
  rewriter.replaceOp(mul, build(rewriter, mul.getType(), gate, up, weight));
  for (Operation *op : {silu.getOperation(), gate.getOperation(), up.getOperation()})
    rewriter.eraseOp(op);
  parameters.erase(weights, rewriter);
  return success();
}

namespace {

struct FuseGateUp : mlir::qvl::impl::FuseGateUpPassBase<FuseGateUp> {
  void runOnOperation() override {
    FusionReport report(*this, fused, missed);
    Parameters parameters(getOperation());
    rewriteInOrder<MulOp>(getOperation(), [&](Operation *op, RewriterBase &rewriter) {
      (void)fuseGatedUnit(cast<MulOp>(op), rewriter, parameters, report);
    });
  }
};

} // namespace
