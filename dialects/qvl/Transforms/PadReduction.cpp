// qvl-pad-reduction: reductions over whole vectors, by zeros in parameters.

#include "dialects/qvl/Fusion/FusionReport.h"
#include "dialects/qvl/Fusion/JoinedParameters.h"
#include "dialects/qvl/Transforms/Passes.h"

#include "llvm/ADT/ScopeExit.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mlir::qvl;

namespace mlir::qvl {
#define GEN_PASS_DEF_PADREDUCTIONPASS
#include "dialects/qvl/Transforms/Passes.h.inc"
} // namespace mlir::qvl

static RankedTensorType typeOf(Value value) { return cast<RankedTensorType>(value.getType()); }

/// Multiples of 8 leave no part of a vector over in any kernel.
static bool isWhole(int64_t depth) { return depth % 8 == 0; }

/// The size that a reduction is padded to: whole panels of the producer, and from where that adds
/// little whole tiles of a tensor core.
static int64_t paddedDepth(int64_t depth) {
  return static_cast<int64_t>(llvm::alignTo(depth, depth < 1024 ? 32 : 64));
}

/// The padded columns of the producer are seen by this projection alone.
static bool isOnlyReader(FusedLinearOp linear, FusedLinearOp producer) {
  return singleUser(producer.getResult()) == linear;
}

/// An operand with a value per element has no zeros where the result gets new columns.
static bool hasRowOperands(FusedLinearOp producer) {
  return llvm::any_of(producer.getEpilogueOperands(),
                      [](Value operand) { return typeOf(operand).getRank() == 2; });
}

/// The constant that an op of an epilogue makes of constants; null when it is not known.
static Attribute foldStep(Operation &step, const DenseMap<Value, Attribute> &constants) {
  SmallVector<Attribute> operands(llvm::map_range(
      step.getOperands(), [&](Value operand) { return constants.lookup(operand); }));
  SmallVector<OpFoldResult> folded;
  if (failed(step.fold(operands, folded)) || folded.size() != 1)
    return {};
  if (auto value = dyn_cast<Value>(folded.front()))
    return constants.lookup(value);
  return cast<Attribute>(folded.front());
}

/// The epilogue of zeros is zero, so that a column of zeros stays one.
static bool keepsZero(FusedLinearOp producer) {
  Operation *copy = producer->clone(); // Folding may change an op in place.
  auto erase = llvm::scope_exit([&] { copy->destroy(); });
  Block &body = cast<FusedLinearOp>(copy).getEpilogue().front();
  DenseMap<Value, Attribute> constants;
  for (BlockArgument argument : body.getArguments())
    constants[argument] = FloatAttr::get(argument.getType(), 0.0);
  for (Operation &step : body.without_terminator())
    constants[step.getResult(0)] = foldStep(step, constants);
  auto result =
      dyn_cast_or_null<FloatAttr>(constants.lookup(cast<YieldOp>(body.getTerminator()).getValue()));
  return result && result.getValue().isZero();
}

/// What a parameter is made of as `count` parts of equal rows, one below the other; nothing when
/// its recipe does not say.
static std::optional<SmallVector<RecipeOperand>> partsOf(ParameterOp parameter, int64_t count) {
  RecipeOperand origin = parameter.getOrigin();
  if (count == 1)
    return SmallVector<RecipeOperand>{origin};
  auto concat = dyn_cast<ConcatAttr>(origin.value);
  if (!concat)
    return std::nullopt;
  SmallVector<RecipeOperand> parts = concat.getRecipeOperands(origin.type);
  bool areEqual = llvm::all_equal(
      llvm::map_range(parts, [](const RecipeOperand &part) { return part.type.getDimSize(0); }));
  if (static_cast<int64_t>(parts.size()) != count || !areEqual)
    return std::nullopt;
  return parts;
}

/// The first reason against padding what `linear` reduces over, reported.
static LogicalResult checkLegality(FusedLinearOp linear, Parameters &parameters,
                                   FusionReport &report) {
  auto producer = linear.getInput().getDefiningOp<FusedLinearOp>();
  if (!producer)
    return report.missed(linear,
                         "the rows come from no projection but from " + nameOf(linear.getInput()));
  if (!isOnlyReader(linear, producer))
    return report.missed(linear, describe(producer) + " has other readers");
  if (hasRowOperands(producer))
    return report.missed(linear, describe(producer) + " has an operand with a value per element");
  if (!keepsZero(producer))
    return report.missed(linear,
                         "the epilogue of " + describe(producer) + " makes no zero of zeros");
  SmallVector<Value> padded{linear.getWeight(), producer.getWeight()};
  llvm::append_range(padded, producer.getEpilogueOperands());
  for (Value value : padded)
    if (!isJoinable(value, parameters))
      return report.missed(linear, "an operand is no parameter of these projections alone: " +
                                       nameOf(value));
  for (FusedLinearOp op : {linear, producer})
    if (!partsOf(parameters.of(op.getWeight()), op.getWeightCount()))
      return report.missed(linear, "the two weights of " + describe(op) +
                                       " are not those of a concat: " + nameOf(op.getWeight()));
  return success();
}

/// The recipe that puts zeros behind the sizes of the operand.
static PadAttr pad(RecipeOperand operand) {
  if (auto pad = dyn_cast<PadAttr>(operand.value)) // A pad of a pad is one.
    operand = pad.getRecipeOperands(operand.type).front();
  return PadAttr::get(operand.type.getContext(), operand.value, operand.type);
}

/// Gives each of the `count` parts of the parameter that `value` loads the sizes of `shape`, with
/// zeros behind the old ones.
static void padParameter(Value value, int64_t count, ArrayRef<int64_t> shape,
                         Parameters &parameters) {
  ParameterOp parameter = parameters.of(value);
  auto parts = llvm::map_to_vector(
      *partsOf(parameter, count), [](const RecipeOperand &part) -> Attribute { return pad(part); });
  auto recipe = cast<RecipeAttrInterface>(parts.front());
  if (count > 1) {
    SmallVector<int64_t> rows(count, shape.front());
    MLIRContext *context = parameter.getContext();
    recipe = ConcatAttr::get(context, ArrayAttr::get(context, parts), rows);
  }
  SmallVector<int64_t> sizes(shape);
  sizes.front() *= count;
  RankedTensorType type = parameter.getTensorType().clone(sizes);
  parameter.removeSourceAttr();
  parameter.setRecipeAttr(recipe);
  parameter.setType(type);
  value.setType(type);
}

/// fused_linear(fused_linear(x)) over K columns → over more, the new ones zero
static LogicalResult padReduction(FusedLinearOp linear, Parameters &parameters,
                                  FusionReport &report) {
  int64_t depth = typeOf(linear.getInput()).getDimSize(1), padded = paddedDepth(depth);
  if (isWhole(depth))
    return failure();
  if (failed(checkLegality(linear, parameters, report)))
    return failure();
  auto producer = linear.getInput().getDefiningOp<FusedLinearOp>();
  padParameter(linear.getWeight(), linear.getWeightCount(),
               {typeOf(linear.getResult()).getDimSize(1), padded}, parameters);
  padParameter(producer.getWeight(), producer.getWeightCount(),
               {padded, typeOf(producer.getWeight()).getDimSize(1)}, parameters);
  for (Value bias : producer.getEpilogueOperands())
    padParameter(bias, 1, {padded}, parameters);
  RankedTensorType rows = typeOf(producer.getResult());
  producer.getResult().setType(rows.clone({rows.getDimSize(0), padded}));
  report.passed(linear.getLoc(), "zeros from " + describe(producer) + " pad " + Twine(depth) +
                                     " to " + Twine(padded));
  return success();
}

namespace {

struct PadReduction : mlir::qvl::impl::PadReductionPassBase<PadReduction> {
  void runOnOperation() override {
    FusionReport report(*this, fused, missed);
    Parameters parameters(getOperation());
    getOperation().walk(
        [&](FusedLinearOp linear) { (void)padReduction(linear, parameters, report); });
  }
};

} // namespace
