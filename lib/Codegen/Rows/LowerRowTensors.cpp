// linalg on tensors -> vectors -> memory.

#include "lib/Codegen/Emit/VectorMemory.h"
#include "lib/Codegen/Rows/RowTensors.h"
#include "qvl/Codegen/RowKernels.h"

#include "mlir/Dialect/Arith/Transforms/BufferizableOpInterfaceImpl.h"
#include "mlir/Dialect/Arith/Transforms/Passes.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Bufferization/Transforms/OneShotAnalysis.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Linalg/Transforms/BufferizableOpInterfaceImpl.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/MemRef/Transforms/Transforms.h"
#include "mlir/Dialect/SCF/Transforms/BufferizableOpInterfaceImpl.h"
#include "mlir/Dialect/Tensor/Transforms/BufferizableOpInterfaceImpl.h"
#include "mlir/Dialect/Vector/Transforms/BufferizableOpInterfaceImpl.h"
#include "mlir/Dialect/Vector/Transforms/LoweringPatterns.h"
#include "mlir/IR/Dominance.h"
#include "mlir/Transforms/CSE.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace mlir::qvl {
namespace {

LogicalResult vectorize(IRRewriter &rewriter, Operation *op) {
  rewriter.setInsertionPoint(op);
  FailureOr<linalg::VectorizationResult> vectors = linalg::vectorize(rewriter, op);
  if (failed(vectors))
    return op->emitError("row arithmetic does not vectorize");
  rewriter.replaceOp(op, vectors->replacements);
  return success();
}

LogicalResult bufferize(func::FuncOp function) {
  bufferization::OneShotBufferizationOptions options;
  bufferization::BufferizationState state;
  return bufferization::runOneShotBufferize(function, options, state);
}

/// Equal views become one, so that copies onto themselves are seen as such.
void mergeViews(func::FuncOp function) {
  IRRewriter rewriter(function.getContext());
  DominanceInfo dominance(function);
  eliminateCommonSubExpressions(rewriter, dominance, function);
}

/// Vectors of f32 to bf16 in integers. The upstream pattern for it chooses between vectors of bf16.
struct RoundVector : OpRewritePattern<arith::TruncFOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(arith::TruncFOp op, PatternRewriter &rewriter) const override {
    auto type = dyn_cast<VectorType>(op.getType());
    auto from = dyn_cast<VectorType>(op.getIn().getType());
    if (!type || !type.getElementType().isBF16() || !from.getElementType().isF32())
      return rewriter.notifyMatchFailure(op, "not a vector of f32 to bf16");
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    rewriter.replaceOpWithNewOp<arith::BitcastOp>(op, type, roundToBf16(b, op.getIn()));
    return success();
  }
};

/// Transfers of memrefs become loads and stores, bf16 conversions integer arithmetic where the
/// target has no instruction and would call a library.
LogicalResult lowerTransfers(func::FuncOp function, Bf16Conversion conversion) {
  RewritePatternSet patterns(function.getContext());
  memref::populateFoldMemRefAliasOpPatterns(patterns);
  vector::populateVectorTransferLoweringPatterns(patterns);
  memref::CopyOp::getCanonicalizationPatterns(patterns, function.getContext());
  if (conversion == Bf16Conversion::Integers) {
    arith::populateExpandBFloat16Patterns(patterns);
    patterns.add<RoundVector>(function.getContext(), PatternBenefit(2));
  }
  return applyPatternsGreedily(function, std::move(patterns));
}

LogicalResult checkMemory(func::FuncOp function) {
  WalkResult result = function.walk([](Operation *op) {
    if (isa<memref::AllocOp, memref::AllocaOp, memref::CopyOp, vector::TransferReadOp,
            vector::TransferWriteOp>(op)) {
      op->emitError("row arithmetic must not need '") << op->getName() << "'";
      return WalkResult::interrupt();
    }
    return WalkResult::advance();
  });
  return failure(result.wasInterrupted());
}

} // namespace

LogicalResult lowerRowTensors(func::FuncOp function, Bf16Conversion conversion) {
  SmallVector<linalg::GenericOp> generics;
  function.walk([&](linalg::GenericOp op) { generics.push_back(op); });
  IRRewriter rewriter(function.getContext());
  for (linalg::GenericOp op : generics)
    if (failed(vectorize(rewriter, op)))
      return failure();
  if (failed(bufferize(function)))
    return function.emitError("row tensors do not lower to memory");
  mergeViews(function);
  if (failed(lowerTransfers(function, conversion)))
    return function.emitError("row tensors do not lower to memory");
  return checkMemory(function);
}

void registerRowKernelDialects(DialectRegistry &registry) {
  registry
      .insert<arith::ArithDialect, bufferization::BufferizationDialect, func::FuncDialect,
              linalg::LinalgDialect, LLVM::LLVMDialect, math::MathDialect, memref::MemRefDialect,
              scf::SCFDialect, tensor::TensorDialect, vector::VectorDialect>();
  arith::registerBufferizableOpInterfaceExternalModels(registry);
  linalg::registerBufferizableOpInterfaceExternalModels(registry);
  scf::registerBufferizableOpInterfaceExternalModels(registry);
  tensor::registerBufferizableOpInterfaceExternalModels(registry);
  vector::registerBufferizableOpInterfaceExternalModels(registry);
}

} // namespace mlir::qvl
