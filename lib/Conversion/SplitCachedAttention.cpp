// qvl-split-cached-attention: the keys of a decode step dealt to many thread blocks.

#include "qvl/Conversion/Passes.h"

#include "dialects/qvl/IR/EntryPrograms.h"
#include "qvl/Codegen/TileGrid.h"

#include "mlir/IR/Remarks.h"

using namespace mlir;
namespace dialect = mlir::qvl;

namespace qvl {
#define GEN_PASS_DEF_SPLITCACHEDATTENTIONPASS
#include "qvl/Conversion/Passes.h.inc"

namespace {

/// attention → splits, joined
void split(dialect::CachedAttentionOp op, int64_t splits) {
  OpBuilder builder(op);
  auto query = op.getQuery().getType();
  int64_t heads = query.getDimSize(1), headDim = query.getDimSize(2);
  auto ofSplits = [&](int64_t size) {
    return RankedTensorType::get({query.getDimSize(0), splits, heads, size}, builder.getF32Type());
  };
  auto parts = dialect::CachedAttentionSplitsOp::create(builder, op.getLoc(),
                                                        TypeRange{ofSplits(2), ofSplits(headDim)},
                                                        op->getOperands(), op->getAttrs());
  auto merged = dialect::MergeSplitsOp::create(builder, op.getLoc(), op.getType(),
                                               parts.getWeights(), parts.getOutput());
  op.replaceAllUsesWith(merged.getResult());
  op.erase();
}

struct SplitCachedAttention : impl::SplitCachedAttentionPassBase<SplitCachedAttention> {
  using SplitCachedAttentionPassBase::SplitCachedAttentionPassBase;

  void runOnOperation() override {
    if (maxContext < 0) {
      getOperation().emitError() << "a context of " << maxContext.getValue() << " tokens is none";
      return signalPassFailure();
    }
    for (auto function : llvm::to_vector(getOperation().getOps<func::FuncOp>()))
      if (llvm::is_contained(dialect::programNames(function), dialect::kDecodeProgram) &&
          hasSplits(function))
        splitAll(dialect::separateProgram(function, dialect::kDecodeProgram));
  }

  int64_t splitsOf(dialect::CachedAttentionOp op) { return dialect::keySplits(op, maxContext); }

  /// Whether an attention of the function is worth splitting; a remark on each that is not.
  bool hasSplits(func::FuncOp function) {
    bool found = false;
    function.walk([&](dialect::CachedAttentionOp op) {
      if (splitsOf(op) > 1) {
        found = true;
        return;
      }
      ++whole;
      remark::missed(op.getLoc(), remark::RemarkOpts::name("whole").category(getArgument()))
          << (dialect::keySplits(op, 0) > 1
                  ? "a context of " + std::to_string(maxContext) + " tokens is one block of keys"
                  : std::string("the heads of one row fill a GPU"));
    });
    return found;
  }

  void splitAll(func::FuncOp function) {
    function.walk([&](dialect::CachedAttentionOp op) {
      int64_t splits = splitsOf(op);
      if (splits <= 1)
        return;
      remark::passed(op.getLoc(), remark::RemarkOpts::name("split").category(getArgument()))
          << "its keys are dealt to " + std::to_string(splits) + " splits";
      split(op, splits);
      ++attentions;
    });
  }
};

} // namespace
} // namespace qvl
