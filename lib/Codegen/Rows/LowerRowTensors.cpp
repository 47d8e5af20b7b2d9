// linalg on tensors -> tiles -> vectors -> memory.

#include "lib/Codegen/Rows/RowLoops.h"
#include "lib/Codegen/Rows/RowTensors.h"
#include "qvl/Codegen/RowKernels.h"

#include "mlir/Dialect/Arith/Transforms/BufferizableOpInterfaceImpl.h"
#include "mlir/Dialect/Arith/Transforms/Passes.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Bufferization/Transforms/OneShotAnalysis.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Linalg/Transforms/BufferizableOpInterfaceImpl.h"
#include "mlir/Dialect/Linalg/Transforms/TilingInterfaceImpl.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/MemRef/Transforms/Transforms.h"
#include "mlir/Dialect/SCF/Transforms/BufferizableOpInterfaceImpl.h"
#include "mlir/Dialect/SCF/Transforms/TileUsingInterface.h"
#include "mlir/Dialect/Tensor/Transforms/BufferizableOpInterfaceImpl.h"
#include "mlir/Dialect/Tensor/Transforms/Transforms.h"
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

/// Sizes of the parts of a row: all full chunks together, then a power of two for each bit of the
/// rest.
SmallVector<int64_t> partSizes(int64_t count) {
  SmallVector<int64_t> sizes;
  if (int64_t chunks = count / kChunk)
    sizes.push_back(chunks * kChunk);
  for (int64_t power = kChunk / 2; power > 0; power /= 2)
    if (count & power)
      sizes.push_back(power);
  return sizes;
}

/// One op per part of the row.
SmallVector<TilingInterface> splitRow(IRRewriter &rewriter, linalg::GenericOp op) {
  SmallVector<TilingInterface> parts;
  auto rest = cast<TilingInterface>(op.getOperation());
  SmallVector<int64_t> sizes = partSizes(op.getStaticLoopRanges().front());
  for (int64_t size : ArrayRef(sizes).drop_back()) {
    rewriter.setInsertionPoint(rest);
    auto [part, next] = linalg::splitOp(rewriter, rest, 0, rewriter.getIndexAttr(size));
    parts.push_back(part);
    rest = next;
  }
  parts.push_back(rest);
  return parts;
}

/// A loop of vectors over the full chunks, single vectors for what is left.
LogicalResult vectorizeRow(IRRewriter &rewriter, linalg::GenericOp op) {
  for (TilingInterface part : splitRow(rewriter, op)) {
    if (cast<linalg::LinalgOp>(*part).getStaticLoopRanges().front() <= kChunk) {
      if (failed(vectorize(rewriter, part)))
        return failure();
      continue;
    }
    rewriter.setInsertionPoint(part);
    auto options = scf::SCFTilingOptions().setTileSizes({rewriter.getIndexAttr(kChunk)});
    FailureOr<scf::SCFTilingResult> tiled = scf::tileUsingSCF(rewriter, part, options);
    if (failed(tiled))
      return part->emitError("row arithmetic does not tile");
    rewriter.replaceOp(part, tiled->replacements);
    if (failed(vectorize(rewriter, tiled->tiledOps.front())))
      return failure();
  }
  return success();
}

/// Slices of tensors become offsets of the vector transfers.
LogicalResult foldSlices(func::FuncOp function) {
  RewritePatternSet patterns(function.getContext());
  tensor::populateFoldTensorSubsetIntoVectorTransferPatterns(patterns);
  scf::ForOp::getCanonicalizationPatterns(patterns, function.getContext());
  return applyPatternsGreedily(function, std::move(patterns));
}

LogicalResult bufferize(func::FuncOp function) {
  bufferization::OneShotBufferizationOptions options;
  bufferization::BufferizationState state;
  return bufferization::runOneShotBufferize(function, options, state);
}

/// Loops that carry their own buffer stop to; equal views become one, so that copies onto
/// themselves are seen as such.
LogicalResult mergeViews(func::FuncOp function) {
  RewritePatternSet patterns(function.getContext());
  scf::ForOp::getCanonicalizationPatterns(patterns, function.getContext());
  if (failed(applyPatternsGreedily(function, std::move(patterns))))
    return failure();
  IRRewriter rewriter(function.getContext());
  DominanceInfo dominance(function);
  eliminateCommonSubExpressions(rewriter, dominance, function);
  return success();
}

/// Transfers of memrefs become loads and stores, bf16 conversions integer arithmetic: targets
/// without a bf16 instruction would call a library.
LogicalResult lowerTransfers(func::FuncOp function) {
  RewritePatternSet patterns(function.getContext());
  memref::populateFoldMemRefAliasOpPatterns(patterns);
  vector::populateVectorTransferLoweringPatterns(patterns);
  memref::CopyOp::getCanonicalizationPatterns(patterns, function.getContext());
  arith::populateExpandBFloat16Patterns(patterns);
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

LogicalResult lowerRowTensors(func::FuncOp function) {
  SmallVector<linalg::GenericOp> generics;
  function.walk([&](linalg::GenericOp op) { generics.push_back(op); });
  IRRewriter rewriter(function.getContext());
  for (linalg::GenericOp op : generics)
    if (failed(vectorizeRow(rewriter, op)))
      return failure();
  if (failed(foldSlices(function)) || failed(bufferize(function)) || failed(mergeViews(function)) ||
      failed(lowerTransfers(function)))
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
  linalg::registerTilingInterfaceExternalModels(registry);
  scf::registerBufferizableOpInterfaceExternalModels(registry);
  tensor::registerBufferizableOpInterfaceExternalModels(registry);
  vector::registerBufferizableOpInterfaceExternalModels(registry);
}

} // namespace mlir::qvl
