// qvl-fold-row-maps: permutations of rows as maps of the ops that read or write them.

#include "dialects/qvl/Fusion/FusionReport.h"
#include "dialects/qvl/Transforms/Passes.h"

using namespace mlir;
using namespace mlir::qvl;

namespace mlir::qvl {
#define GEN_PASS_DEF_FOLDROWMAPSPASS
#include "dialects/qvl/Transforms/Passes.h.inc"
} // namespace mlir::qvl

/// The unpermuted rows, or the permuted ones, are needed nowhere else.
static bool isOnlyReader(Operation *reader, Value value) { return singleUser(value) == reader; }

/// A load map picks row `index[i]`; the inverse picks by place in the index, which no map says.
static bool picksByIndex(RegroupOp regroup) { return !regroup.getInverse(); }

/// A store map writes to row `index[i]`, which is the inverse permutation of rows.
static bool writesByIndex(RegroupOp regroup) { return regroup.getInverse(); }

/// Operands of rank 2 are read where the result is written (fused_linear_c6).
static bool hasRowOperands(FusedLinearOp linear) {
  return llvm::any_of(linear.getEpilogueOperands(), [](Value operand) {
    return cast<RankedTensorType>(operand.getType()).getRank() == 2;
  });
}

/// The rows that a projection reads, in front of a conversion that nothing else reads.
static Value convertedRows(FusedLinearOp linear) {
  auto conversion = linear.getInput().getDefiningOp<CastOp>();
  return conversion && isOnlyReader(linear, conversion.getResult()) ? conversion.getInput()
                                                                    : linear.getInput();
}

/// fused_linear(regroup(x)) → fused_linear x load(…), and the same with a cast of the permuted
/// rows, which converts each element whatever its row.
static LogicalResult foldIntoLoad(FusedLinearOp linear, RewriterBase &rewriter,
                                  FusionReport &report) {
  Value rows = convertedRows(linear);
  auto regroup = rows.getDefiningOp<RegroupOp>();
  if (!regroup)
    return rewriter.notifyMatchFailure(linear, "the input is no regroup");
  if (!picksByIndex(regroup))
    return report.missed(regroup, "an inverse permutation is no load map of " + describe(linear));
  if (linear.getLoadIndex())
    return report.missed(regroup, describe(linear) + " has a load map");
  Operation *reader = rows == linear.getInput() ? linear : linear.getInput().getDefiningOp();
  if (!isOnlyReader(reader, regroup.getResult()))
    return report.missed(regroup, describe(reader) + " is not its only reader");
  report.passed(linear.getLoc(), "regroup into the load map of " + describe(linear));
  rewriter.modifyOpInPlace(linear, [&] {
    linear.getLoadIndexMutable().assign(regroup.getIndex());
    linear.setLoadGroupAttr(regroup.getGroupAttr());
  });
  rewriter.replaceOp(regroup, regroup.getInput());
  return success();
}

/// regroup {inverse}(fused_linear(x)) → fused_linear x store(…)
static LogicalResult foldIntoStore(RegroupOp regroup, FusedLinearOp linear, RewriterBase &rewriter,
                                   FusionReport &report) {
  if (!writesByIndex(regroup))
    return report.missed(regroup, "a permutation that is not inverse is no store map of " +
                                      describe(linear));
  if (linear.getStoreIndex())
    return report.missed(regroup, describe(linear) + " has a store map");
  if (hasRowOperands(linear))
    return report.missed(regroup, describe(linear) + " has an operand with a value per element");
  if (!isOnlyReader(regroup, linear.getResult()))
    return report.missed(regroup, describe(linear) + " has other readers");
  report.passed(linear.getLoc(), "regroup into the store map of " + describe(linear));
  // The index may be defined behind the projection, so the projection moves to the regroup.
  rewriter.moveOpBefore(linear, regroup);
  rewriter.modifyOpInPlace(linear, [&] {
    linear.getStoreIndexMutable().assign(regroup.getIndex());
    linear.setStoreGroupAttr(regroup.getGroupAttr());
  });
  rewriter.replaceOp(regroup, linear);
  return success();
}

/// regroup(rope_table) → rope_table rows(…)
static LogicalResult foldIntoTable(RegroupOp regroup, RopeTableOp table, RewriterBase &rewriter,
                                   FusionReport &report) {
  if (!picksByIndex(regroup))
    return report.missed(regroup, "an inverse permutation is no row map of " + describe(table));
  if (table.getRowIndex())
    return report.missed(regroup, describe(table) + " has a row map");
  if (!isOnlyReader(regroup, table.getResult()))
    return report.missed(regroup, describe(table) + " has other readers");
  report.passed(table.getLoc(), "regroup into the row map of " + describe(table));
  rewriter.moveOpBefore(table, regroup);
  rewriter.modifyOpInPlace(table, [&] {
    table.getRowIndexMutable().assign(regroup.getIndex());
    table.setRowGroupAttr(regroup.getGroupAttr());
  });
  rewriter.replaceOp(regroup, table);
  return success();
}

/// Folds a permutation into the op that makes its rows.
static LogicalResult foldIntoProducer(RegroupOp regroup, RewriterBase &rewriter,
                                      FusionReport &report) {
  if (auto linear = regroup.getInput().getDefiningOp<FusedLinearOp>())
    return foldIntoStore(regroup, linear, rewriter, report);
  if (auto table = regroup.getInput().getDefiningOp<RopeTableOp>())
    return foldIntoTable(regroup, table, rewriter, report);
  return rewriter.notifyMatchFailure(regroup, "the rows come from no op with a row map");
}

namespace {

struct FoldRowMaps : mlir::qvl::impl::FoldRowMapsPassBase<FoldRowMaps> {
  void runOnOperation() override {
    FusionReport report(*this, fused, missed);
    rewriteInOrder<FusedLinearOp>(getOperation(), [&](Operation *op, RewriterBase &rewriter) {
      (void)foldIntoLoad(cast<FusedLinearOp>(op), rewriter, report);
    });
    rewriteInOrder<RegroupOp>(getOperation(), [&](Operation *op, RewriterBase &rewriter) {
      (void)foldIntoProducer(cast<RegroupOp>(op), rewriter, report);
    });
  }
};

} // namespace
