// qvl-fuse-rotary: heads of joined columns, rotated and appended in one op.

#include "dialects/qvl/Fusion/FusionReport.h"
#include "dialects/qvl/Transforms/Passes.h"

#include "mlir/IR/Dominance.h"

using namespace mlir;
using namespace mlir::qvl;

namespace mlir::qvl {
#define GEN_PASS_DEF_FUSEROTARYPASS
#include "dialects/qvl/Transforms/Passes.h.inc"
} // namespace mlir::qvl

namespace {

/// The ops around a split into query, key and value.
struct RotaryHeads {
  SplitHeadsOp split;
  RotateOp query, key;
  CacheAppendOp append; ///< of the key; null in the vision tower

  Value value() { return split.getParts()[2]; }
};

} // namespace

/// The rotation that is the only reader of a part, if there is one.
static RotateOp rotationOf(Value part) { return dyn_cast_or_null<RotateOp>(singleUser(part)); }

/// Both rotations take their angles from one table.
static bool shareTable(RotateOp query, RotateOp key) { return query.getTable() == key.getTable(); }

/// The append stores the rotated key beside the value of the same split.
static bool appendsTheseHeads(RotaryHeads heads) {
  return heads.append.getKey() == heads.key.getResult() && heads.append.getValue() == heads.value();
}

/// Key and value go to the cache and nowhere else.
static bool areOnlyAppended(RotaryHeads heads) {
  return singleUser(heads.key.getResult()) == heads.append &&
         singleUser(heads.value()) == heads.append;
}

/// Every reader of a value comes behind the place where the fused op will stand.
static bool readersFollow(Value value, Operation *place, const DominanceInfo &dominance) {
  return llvm::all_of(value.getUsers(),
                      [&](Operation *user) { return dominance.properlyDominates(place, user); });
}

/// The cache append that reads the rotated key, if there is one.
static CacheAppendOp appendOf(RotateOp key) {
  for (Operation *user : key.getResult().getUsers())
    if (auto append = dyn_cast<CacheAppendOp>(user))
      return append;
  return nullptr;
}

/// Query, key and value of a split, or nothing when it is not one whose first two parts are
/// rotated.
static std::optional<RotaryHeads> match(SplitHeadsOp split) {
  if (split.getParts().size() != 3)
    return std::nullopt;
  RotateOp query = rotationOf(split.getParts()[0]), key = rotationOf(split.getParts()[1]);
  if (!query || !key)
    return std::nullopt;
  return RotaryHeads{split, query, key, appendOf(key)};
}

/// split_heads, two rotates, cache_append → rope_append, at the append
static LogicalResult fuseAppend(RotaryHeads heads, RewriterBase &rewriter,
                                const DominanceInfo &dominance, FusionReport &report) {
  CacheAppendOp append = heads.append;
  if (!appendsTheseHeads(heads))
    return report.missed(heads.split, describe(append) + " stores other heads");
  if (!areOnlyAppended(heads))
    return report.missed(heads.split, "keys or values have readers beside " + describe(append));
  if (!readersFollow(heads.query.getResult(), append, dominance))
    return report.missed(heads.split, "the query is read before " + describe(append));
  report.passed(heads.split.getLoc(),
                "rotations and " + describe(append) + " into " + describe(heads.split));
  rewriter.setInsertionPoint(append);
  auto fused = RopeAppendOp::create(
      rewriter, heads.split.getLoc(), heads.query.getType(), append.getResult().getType(),
      heads.split.getInput(), heads.query.getTable(), append.getCache(), append.getLayer(),
      append.getSlots(), rewriter.getI64IntegerAttr(heads.split.getHeads()[0]));
  rewriter.replaceOp(append, fused.getNewCache());
  rewriter.replaceOp(heads.query, fused.getQuery());
  rewriter.eraseOp(heads.key);
  rewriter.eraseOp(heads.split);
  return success();
}

/// split_heads, two rotates → rope_qk, at the later rotation
static LogicalResult fuseQk(RotaryHeads heads, RewriterBase &rewriter,
                            const DominanceInfo &dominance, FusionReport &report) {
  Operation *first = heads.query, *place = heads.key;
  if (dominance.properlyDominates(place, first))
    std::swap(first, place);
  bool follow = readersFollow(first->getResult(0), place, dominance) &&
                readersFollow(heads.value(), place, dominance);
  if (!follow)
    return report.missed(heads.split, "heads are read before " + describe(place));
  report.passed(heads.split.getLoc(), "rotations into " + describe(heads.split));
  rewriter.setInsertionPoint(place);
  auto fused =
      RopeQkOp::create(rewriter, heads.split.getLoc(), heads.query.getType(), heads.key.getType(),
                       heads.value().getType(), heads.split.getInput(), heads.query.getTable(),
                       heads.split.getHeadsAttr(), heads.split.getHeadDimAttr());
  rewriter.replaceAllUsesWith(heads.value(), fused.getValue());
  rewriter.replaceOp(heads.query, fused.getQuery());
  rewriter.replaceOp(heads.key, fused.getKey());
  rewriter.eraseOp(heads.split);
  return success();
}

static LogicalResult fuseRotary(SplitHeadsOp split, RewriterBase &rewriter,
                                const DominanceInfo &dominance, FusionReport &report) {
  std::optional<RotaryHeads> heads = match(split);
  if (!heads)
    return rewriter.notifyMatchFailure(split, "no three parts of which two are only rotated");
  if (!shareTable(heads->query, heads->key))
    return report.missed(split, describe(heads->query) + " and " + describe(heads->key) +
                                    " read different tables");
  return heads->append ? fuseAppend(*heads, rewriter, dominance, report)
                       : fuseQk(*heads, rewriter, dominance, report);
}

namespace {

struct FuseRotary : mlir::qvl::impl::FuseRotaryPassBase<FuseRotary> {
  void runOnOperation() override {
    FusionReport report(*this, fused, missed);
    const auto &dominance = getAnalysis<DominanceInfo>();
    rewriteInOrder<SplitHeadsOp>(getOperation(), [&](Operation *op, RewriterBase &rewriter) {
      (void)fuseRotary(cast<SplitHeadsOp>(op), rewriter, dominance, report);
    });
  }
};

} // namespace
