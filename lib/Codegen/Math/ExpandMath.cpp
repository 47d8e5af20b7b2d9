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
  ExpandUnary(MLIRContext *context, bool avx512)
      : OpRewritePattern<MathOp>(context), avx512(avx512) {}

  LogicalResult matchAndRewrite(MathOp op, PatternRewriter &rewriter) const override {
    Type type = op.getType();
    if (!getElementTypeOrSelf(type).isF32() || !isa<FloatType, VectorType>(type))
      return rewriter.notifyMatchFailure(op, "only f32 scalars and vectors are expanded");
    FloatExpander expander(rewriter, op.getLoc(), type, avx512);
    rewriter.replaceOp(op, Expand(expander, op.getOperand()));
    return success();
  }

  bool avx512;
};

struct ExpandMathPass : PassWrapper<ExpandMathPass, OperationPass<>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(ExpandMathPass)

  ExpandMathPass() = default;
  explicit ExpandMathPass(bool useAvx512) { avx512 = useAvx512; }
  ExpandMathPass(const ExpandMathPass &other) : PassWrapper(other) {}

  Option<bool> avx512{*this, "avx512", llvm::cl::desc("The target has AVX-512"),
                      llvm::cl::init(false)};

  StringRef getArgument() const final { return "qvl-expand-math"; }
  StringRef getDescription() const final {
    return "Expand exp, erf, rsqrt, sin and cos of f32 to arithmetic within 2 ulp";
  }
  void getDependentDialects(DialectRegistry &registry) const final {
    registry.insert<arith::ArithDialect, math::MathDialect, LLVM::LLVMDialect>();
  }
  void runOnOperation() final {
    RewritePatternSet patterns(&getContext());
    populateExpandMathPatterns(patterns, avx512);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns)))) {
      getOperation()->emitError("expansion of math functions did not converge");
      signalPassFailure();
    }
  }
};
} // namespace

void mlir::qvl::populateExpandMathPatterns(RewritePatternSet &patterns, bool avx512) {
  patterns.add<ExpandUnary<math::ExpOp, expandExp>, ExpandUnary<math::ErfOp, expandErf>,
               ExpandUnary<math::RsqrtOp, expandRsqrt>, ExpandUnary<math::SinOp, expandSin>,
               ExpandUnary<math::CosOp, expandCos>>(patterns.getContext(), avx512);
}

std::unique_ptr<Pass> mlir::qvl::createExpandMathPass(bool avx512) {
  return std::make_unique<ExpandMathPass>(avx512);
}
void mlir::qvl::registerExpandMathPass() { PassRegistration<ExpandMathPass>(); }
