// qvl-fuse-epilogue: what follows a projection element by element, on its register tile.

#include "dialects/qvl/Fusion/Epilogue.h"
#include "dialects/qvl/Fusion/FusionReport.h"
#include "dialects/qvl/Transforms/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mlir::qvl;

namespace mlir::qvl {
#define GEN_PASS_DEF_FUSEEPILOGUEPASS
#include "dialects/qvl/Transforms/Passes.h.inc"
} // namespace mlir::qvl

/// The value before the next step of the epilogue is needed nowhere else.
static bool isOnlyReader(Operation *reader, FusedLinearOp linear) {
  return singleUser(linear.getResult()) == reader;
}

/// A residual is read where the result is written, so no store map may be in between
/// (fused_linear_c6).
static bool writesRowsInOrder(FusedLinearOp linear) { return !linear.getStoreIndex(); }

/// linear → fused_linear with its bias, so that code generation sees one op of projections.
static LogicalResult fuseBias(LinearOp linear, RewriterBase &rewriter, FusionReport &report) {
  SmallVector<Value> biases;
  if (linear.getBias())
    biases.push_back(linear.getBias());
  auto body = [&](ImplicitLocOpBuilder &b, ValueRange arguments) -> Value {
    if (biases.empty())
      return arguments.front();
    return arith::AddFOp::create(b, arguments[0], arguments[1]);
  };
  if (!biases.empty())
    report.passed(linear.getLoc(), "the bias into " + describe(linear));
  rewriter.replaceOp(linear,
                     createFusedLinear(rewriter, linear.getLoc(), linear.getType(),
                                       linear.getInput(), linear.getWeight(), biases, body));
  return success();
}

/// gelu(fused_linear) or cast(fused_linear) → fused_linear
static LogicalResult fuseUnary(Operation *op, RewriterBase &rewriter, FusionReport &report) {
  auto linear = op->getOperand(0).getDefiningOp<FusedLinearOp>();
  if (!linear)
    return rewriter.notifyMatchFailure(op, "the input is no projection");
  if (!isOnlyReader(op, linear))
    return report.missed(op, describe(linear) + " has other readers");
  auto step = [&](ImplicitLocOpBuilder &b, Value x, ValueRange) -> Value {
    return isa<GeluOp>(op) ? geluOf(b, x) : x; // A cast is the rounding of the store.
  };
  report.passed(linear.getLoc(), describe(op) + " into " + describe(linear));
  rewriter.replaceOp(op, extendEpilogue(rewriter, linear, op->getResult(0).getType(), {}, step));
  rewriter.eraseOp(linear);
  return success();
}

/// add(x, fused_linear) → fused_linear with(x); the operands of the sum keep their sides.
static LogicalResult fuseResidual(AddOp add, RewriterBase &rewriter, FusionReport &report) {
  auto lhs = add.getLhs().getDefiningOp<FusedLinearOp>();
  auto rhs = add.getRhs().getDefiningOp<FusedLinearOp>();
  if (!lhs && !rhs)
    return rewriter.notifyMatchFailure(add, "no operand is a projection");
  bool isRight = rhs && (!lhs || isOnlyReader(add, rhs));
  FusedLinearOp linear = isRight ? rhs : lhs;
  if (!isOnlyReader(add, linear))
    return report.missed(add, describe(linear) + " has other readers");
  if (!writesRowsInOrder(linear))
    return report.missed(add, describe(linear) + " stores its rows through a map");
  Value residual = isRight ? add.getLhs() : add.getRhs();
  auto step = [&](ImplicitLocOpBuilder &b, Value x, ValueRange operands) -> Value {
    return isRight ? arith::AddFOp::create(b, operands.front(), x)
                   : arith::AddFOp::create(b, x, operands.front());
  };
  report.passed(linear.getLoc(), describe(add) + " into " + describe(linear));
  rewriter.replaceOp(add, extendEpilogue(rewriter, linear, add.getType(), residual, step));
  rewriter.eraseOp(linear);
  return success();
}

namespace {

struct FuseEpilogue : mlir::qvl::impl::FuseEpiloguePassBase<FuseEpilogue> {
  void runOnOperation() override {
    FusionReport report(*this, fused, missed);
    auto rewrite = [&](Operation *op, RewriterBase &rewriter) {
      (void)TypeSwitch<Operation *, LogicalResult>(op)
          .Case([&](LinearOp linear) { return fuseBias(linear, rewriter, report); })
          .Case([&](AddOp add) { return fuseResidual(add, rewriter, report); })
          .Default([&](Operation *unary) { return fuseUnary(unary, rewriter, report); });
    };
    rewriteInOrder<LinearOp, AddOp, GeluOp, CastOp>(getOperation(), rewrite);
  }
};

} // namespace
