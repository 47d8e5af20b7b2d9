// The patterns and the pass that expand math functions.

#include "qvl/Codegen/Math.h"

#include "lib/Codegen/Math/FloatExpander.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

using namespace mlir;
using namespace mlir::qvl;

/// 1 / sqrt(x): square root and division are rounded correctly on every target.
static Value expandRsqrt(FloatExpander &e, Value x) {
  return e.div(e.constant(e.f32(), 1.0), math::SqrtOp::create(e.b, x));
}

namespace {
/// Replaces an f32 math function of one operand by what `Expand` builds.
template <typename MathOp, Value (*Expand)(FloatExpander &, Value)>
struct ExpandUnary : OpRewritePattern<MathOp> {
  using OpRewritePattern<MathOp>::OpRewritePattern;

  LogicalResult matchAndRewrite(MathOp op, PatternRewriter &rewriter) const override {
    Type type = op.getType();
    if (!getElementTypeOrSelf(type).isF32() || !isa<FloatType, VectorType>(type))
      return rewriter.notifyMatchFailure(op, "only f32 scalars and vectors are expanded");
    FloatExpander expander(rewriter, op.getLoc(), type);
    rewriter.replaceOp(op, Expand(expander, op.getOperand()));
    return success();
  }
};

struct ExpandMathPass : PassWrapper<ExpandMathPass, OperationPass<>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(ExpandMathPass)

  StringRef getArgument() const final { return "qvl-expand-math"; }
  StringRef getDescription() const final {
    return "Expand exp, erf, rsqrt, sin and cos of f32 to arithmetic within 2 ulp";
  }
  void getDependentDialects(DialectRegistry &registry) const final {
    registry.insert<arith::ArithDialect, math::MathDialect>();
  }
  void runOnOperation() final {
    RewritePatternSet patterns(&getContext());
    populateExpandMathPatterns(patterns);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns)))) {
      getOperation()->emitError("expansion of math functions did not converge");
      signalPassFailure();
    }
  }
};
} // namespace

void mlir::qvl::populateExpandMathPatterns(RewritePatternSet &patterns) {
  patterns.add<ExpandUnary<math::ExpOp, expandExp>, ExpandUnary<math::ErfOp, expandErf>,
               ExpandUnary<math::RsqrtOp, expandRsqrt>, ExpandUnary<math::SinOp, expandSin>,
               ExpandUnary<math::CosOp, expandCos>>(patterns.getContext());
}

std::unique_ptr<Pass> mlir::qvl::createExpandMathPass() {
  return std::make_unique<ExpandMathPass>();
}
void mlir::qvl::registerExpandMathPass() { PassRegistration<ExpandMathPass>(); }
