// qvl-fuse-spatial-merge: normalised rows written side by side.

#include "dialects/qvl/Fusion/FusionReport.h"
#include "dialects/qvl/Transforms/Passes.h"

using namespace mlir;
using namespace mlir::qvl;

namespace mlir::qvl {
#define GEN_PASS_DEF_FUSESPATIALMERGEPASS
#include "dialects/qvl/Transforms/Passes.h.inc"
} // namespace mlir::qvl

/// The merge is the only reader of the normalised rows, which then need not exist unmerged.
static bool isOnlyReader(MergeRowsOp merge, RmsNormOp norm) {
  return singleUser(norm.getResult()) == merge;
}

/// The norm writes single rows so far.
static bool isUnmerged(RmsNormOp norm) { return !norm.getMerge(); }

/// A merge of one row is no merge (rms_norm_c4).
static bool mergesSeveralRows(MergeRowsOp merge) { return merge.getRows() >= 2; }

/// merge_rows(rms_norm(x)) → rms_norm {merge}
static LogicalResult fuseMerge(MergeRowsOp merge, RewriterBase &rewriter, FusionReport &report) {
  auto norm = merge.getInput().getDefiningOp<RmsNormOp>();
  if (!norm)
    return rewriter.notifyMatchFailure(merge, "the input is no rms_norm");
  if (!mergesSeveralRows(merge))
    return report.missed(merge, "a merge of one row stays");
  if (!isUnmerged(norm))
    return report.missed(merge, describe(norm) + " merges rows already");
  if (!isOnlyReader(merge, norm))
    return report.missed(merge, describe(norm) + " has other readers");
  report.passed(norm.getLoc(), describe(merge) + " into " + describe(norm));
  auto fused = RmsNormOp::create(rewriter, norm.getLoc(), merge.getType(), norm.getInput(),
                                 norm.getWeight(), norm.getEpsAttr(), merge.getRowsAttr());
  rewriter.replaceOp(merge, fused);
  rewriter.eraseOp(norm);
  return success();
}

namespace {

struct FuseSpatialMerge : mlir::qvl::impl::FuseSpatialMergePassBase<FuseSpatialMerge> {
  void runOnOperation() override {
    FusionReport report(*this, fused, missed);
    rewriteInOrder<MergeRowsOp>(getOperation(), [&](Operation *op, RewriterBase &rewriter) {
      (void)fuseMerge(cast<MergeRowsOp>(op), rewriter, report);
    });
  }
};

} // namespace
