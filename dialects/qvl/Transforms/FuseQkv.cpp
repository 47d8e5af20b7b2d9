// qvl-fuse-qkv: projections of one input to heads as one projection.

#include "dialects/qvl/Fusion/FusionReport.h"
#include "dialects/qvl/Fusion/JoinedParameters.h"
#include "dialects/qvl/Transforms/Passes.h"

#include "llvm/ADT/MapVector.h"

using namespace mlir;
using namespace mlir::qvl;

namespace mlir::qvl {
#define GEN_PASS_DEF_FUSEQKVPASS
#include "dialects/qvl/Transforms/Passes.h.inc"
} // namespace mlir::qvl

namespace {

/// Projections of one input to heads, in program order.
struct Siblings {
  SmallVector<LinearOp> linears;
  SmallVector<Value> weights, biases;

  void add(LinearOp linear) {
    linears.push_back(linear);
    weights.push_back(linear.getWeight());
    if (linear.getBias())
      biases.push_back(linear.getBias());
  }
};

} // namespace

/// The split of a projection's columns into the heads of one part, if that is its only reader.
static SplitHeadsOp headsOf(LinearOp linear) {
  auto split = dyn_cast_or_null<SplitHeadsOp>(singleUser(linear.getResult()));
  return split && split.getParts().size() == 1 ? split : SplitHeadsOp();
}

/// The heads of all projections have one width, so that one split makes them.
static bool haveOneHeadDim(const Siblings &siblings) {
  return llvm::all_equal(llvm::map_range(
      siblings.linears, [](LinearOp linear) { return headsOf(linear).getHeadDim(); }));
}

/// All have a bias or none has.
static bool agreeOnBias(const Siblings &siblings) {
  return siblings.biases.empty() || siblings.biases.size() == siblings.linears.size();
}

/// The rows to join are of one element type.
static bool haveOneElementType(ArrayRef<Value> values) {
  return llvm::all_equal(
      llvm::map_range(values, [](Value value) { return getElementTypeOrSelf(value); }));
}

/// One split of the joined columns instead of one per projection; erases the projections.
static void replaceSplits(const Siblings &siblings, LinearOp joined, Location loc,
                          RewriterBase &rewriter) {
  SmallVector<Type> types;
  SmallVector<int64_t> heads;
  for (LinearOp linear : siblings.linears) {
    SplitHeadsOp split = headsOf(linear);
    types.push_back(split.getParts()[0].getType());
    heads.push_back(split.getHeads()[0]);
  }
  int64_t headDim = headsOf(siblings.linears.front()).getHeadDim();
  auto split = SplitHeadsOp::create(rewriter, loc, types, joined.getResult(), heads, headDim);
  for (auto [linear, part] : llvm::zip(siblings.linears, split.getParts())) {
    rewriter.replaceOp(headsOf(linear), part);
    rewriter.eraseOp(linear);
  }
}

/// The first reason against joining the projections, reported.
static LogicalResult checkLegality(const Siblings &siblings, Parameters &parameters,
                                   FusionReport &report) {
  LinearOp first = siblings.linears.front();
  if (!haveOneHeadDim(siblings))
    return report.missed(first, "projections of one input have heads of different widths");
  if (!agreeOnBias(siblings))
    return report.missed(first, "some projections of one input have a bias and some have none");
  SmallVector<Value> results(llvm::map_range(
      siblings.linears, [](LinearOp linear) -> Value { return linear.getResult(); }));
  if (!haveOneElementType(siblings.weights) || !haveOneElementType(siblings.biases) ||
      !haveOneElementType(results))
    return report.missed(first,
                         "parameters or results of the projections have different element types");
  for (const auto &values : {siblings.weights, siblings.biases})
    for (Value value : values)
      if (!isJoinable(value, parameters))
        return report.missed(first, "an operand is no parameter of these projections alone: " +
                                        nameOf(value));
  return success();
}

/// linears of one input, each split into heads → one linear, split into all heads
static LogicalResult fuseSiblings(const Siblings &siblings, RewriterBase &rewriter,
                                  Parameters &parameters, FusionReport &report) {
  if (failed(checkLegality(siblings, parameters, report)))
    return failure();
  LinearOp first = siblings.linears.front();
  std::string scope = commonScope(siblings.weights, parameters).str();
  Location loc = NameLoc::get(rewriter.getStringAttr(scope + "qkv_proj"));
  rewriter.setInsertionPoint(first);
  Value weight = join(siblings.weights, scope + "qkv_proj.weight", rewriter, loc, parameters);
  Value bias;
  if (!siblings.biases.empty())
    bias = join(siblings.biases, scope + "qkv_proj.bias", rewriter, loc, parameters);
  RankedTensorType type = first.getType().clone(
      {first.getType().getDimSize(0), cast<RankedTensorType>(weight.getType()).getDimSize(0)});
  auto joined = LinearOp::create(rewriter, loc, type, first.getInput(), weight, bias);
  report.passed(first.getLoc(),
                "joined " + Twine(siblings.linears.size()) + " projections of one input");
  replaceSplits(siblings, joined, NameLoc::get(rewriter.getStringAttr(scope + "split")), rewriter);
  parameters.erase(siblings.weights, rewriter);
  parameters.erase(siblings.biases, rewriter);
  return success();
}

/// Groups of at least two projections to heads that read one value.
static SmallVector<Siblings> findSiblings(ModuleOp module) {
  llvm::MapVector<std::pair<Block *, Value>, Siblings> byInput;
  module.walk([&](LinearOp linear) {
    if (headsOf(linear))
      byInput[{linear->getBlock(), linear.getInput()}].add(linear);
  });
  SmallVector<Siblings> groups;
  for (auto &[input, siblings] : byInput)
    if (siblings.linears.size() > 1)
      groups.push_back(std::move(siblings));
  return groups;
}

namespace {

struct FuseQkv : mlir::qvl::impl::FuseQkvPassBase<FuseQkv> {
  void runOnOperation() override {
    FusionReport report(*this, fused, missed);
    Parameters parameters(getOperation());
    IRRewriter rewriter(&getContext());
    for (const Siblings &siblings : findSiblings(getOperation()))
      (void)fuseSiblings(siblings, rewriter, parameters, report);
  }
};

} // namespace
