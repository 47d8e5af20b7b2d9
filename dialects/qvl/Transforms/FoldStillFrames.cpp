// qvl-fold-still-frames: a second entry for pictures, whose frames are equal.

#include "dialects/qvl/Fusion/FusionReport.h"
#include "dialects/qvl/Fusion/JoinedParameters.h"
#include "dialects/qvl/IR/EntryPrograms.h"
#include "dialects/qvl/Transforms/Passes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

using namespace mlir;
using namespace mlir::qvl;

namespace mlir::qvl {
#define GEN_PASS_DEF_FOLDSTILLFRAMESPASS
#include "dialects/qvl/Transforms/Passes.h.inc"
} // namespace mlir::qvl

static constexpr StringLiteral kStillSuffix = "_still";

namespace {

/// An argument of patch rows: channels, frames and pixels of a row.
struct PatchRows {
  unsigned argument;
  SmallVector<int64_t> axes;

  int64_t columns() const { return axes[0] * axes[1] * axes[2]; }
  int64_t stillColumns() const { return axes[0] * axes[2]; }
};

} // namespace

static std::optional<PatchRows> findPatchRows(func::FuncOp function) {
  for (unsigned i = 0; i < function.getNumArguments(); ++i)
    if (auto axes = function.getArgAttrOfType<DenseI64ArrayAttr>(i, kPatchAxesAttr))
      return PatchRows{i, SmallVector<int64_t>(axes.asArrayRef())};
  return std::nullopt;
}

/// The axes are those of the argument's columns, and there are frames to add.
static bool haveSeveralFrames(func::FuncOp function, const PatchRows &rows) {
  auto type = dyn_cast<RankedTensorType>(function.getArgumentTypes()[rows.argument]);
  return rows.axes.size() == 3 && llvm::all_of(rows.axes, [](int64_t size) { return size > 0; }) &&
         rows.axes[1] > 1 && type && type.getRank() == 2 && type.getDimSize(1) == rows.columns();
}

/// The only reader of the patch rows, if it is a projection of them.
static Operation *projectionOf(Value rows) {
  Operation *reader = singleUser(rows);
  bool projects = isa_and_nonnull<LinearOp, FusedLinearOp>(reader) && reader->getOperand(0) == rows;
  return projects ? reader : nullptr;
}

/// The weight of a projection.
static OpOperand &weightOf(Operation *projection) {
  if (auto linear = dyn_cast<LinearOp>(projection))
    return linear.getWeightMutable();
  return cast<FusedLinearOp>(projection).getWeightMutable();
}

/// The weight is a parameter without a stored form yet.
static bool isFoldable(Value weight, Parameters &parameters) {
  ParameterOp parameter = parameters.of(weight);
  return parameter && !parameter.getEncoding();
}

/// Declares the sum of the frames of the parameter that `weight` loads, and loads it.
static Value foldWeight(Value weight, const PatchRows &rows, OpBuilder &builder,
                        Parameters &parameters) {
  ParameterOp parameter = parameters.of(weight);
  RecipeOperand origin = parameter.getOrigin();
  RankedTensorType wide = parameter.getTensorType().clone(builder.getF32Type());
  if (wide != origin.type)
    origin = {ConvertAttr::get(builder.getContext(), origin.value, origin.type), wide};
  RankedTensorType type = wide.clone({wide.getDimSize(0), rows.stillColumns()});
  std::string name = (parameter.getSymName() + ".still").str();
  OpBuilder detached(builder.getContext());
  auto still = ParameterOp::create(
      detached, NameLoc::get(builder.getStringAttr(name)), name, type, /*source=*/StringAttr(),
      SumAttr::get(builder.getContext(), origin.value, origin.type, rows.axes),
      /*encoding=*/Attribute());
  StringAttr symbol = parameters.insert(still, parameter->getNextNode());
  return LoadOp::create(builder, weight.getLoc(), type, FlatSymbolRefAttr::get(symbol));
}

/// Names the programs of the copy: those of the function, each NAME_still.
static void renamePrograms(func::FuncOp still) {
  if (!still->hasAttr(kProgramsAttr))
    return;
  auto names = llvm::map_to_vector(programNames(still),
                                   [](StringRef name) { return (name + kStillSuffix).str(); });
  SmallVector<StringRef> texts(names.begin(), names.end());
  still->setAttr(kProgramsAttr, Builder(still.getContext()).getStrArrayAttr(texts));
}

/// Lets a copy of the function take still rows.
static void foldEntry(func::FuncOp still, const PatchRows &rows, Parameters &parameters) {
  BlockArgument argument = still.getArgument(rows.argument);
  Operation *projection = projectionOf(argument);
  OpBuilder builder(projection);
  OpOperand &weight = weightOf(projection);
  weight.set(foldWeight(weight.get(), rows, builder, parameters));
  auto type = cast<RankedTensorType>(argument.getType());
  argument.setType(type.clone({type.getDimSize(0), rows.stillColumns()}));
  still.setFunctionType(builder.getFunctionType(still.getBody().getArgumentTypes(),
                                                still.getFunctionType().getResults()));
  still.removeArgAttr(rows.argument, kPatchAxesAttr);
}

/// The first reason against an entry for still frames, reported.
static LogicalResult checkLegality(func::FuncOp function, const PatchRows &rows,
                                   Parameters &parameters, FusionReport &report) {
  if (!haveSeveralFrames(function, rows))
    return report.missed(function, "the patch rows do not hold several frames");
  Operation *projection = projectionOf(function.getArgument(rows.argument));
  if (!projection)
    return report.missed(function, "the patch rows are read by more than a projection");
  Value weight = weightOf(projection).get();
  if (!isFoldable(weight, parameters))
    return report.missed(function, "the weight of " + describe(projection) +
                                       " is no parameter to fold: " + nameOf(weight));
  return success();
}

/// @f(rows) → the same, and @f_still(rows of one frame)
static void addStillEntry(func::FuncOp function, Parameters &parameters, FusionReport &report) {
  std::optional<PatchRows> rows = findPatchRows(function);
  std::string name = (function.getSymName() + kStillSuffix).str();
  if (!rows || function.isDeclaration() ||
      SymbolTable::lookupNearestSymbolFrom(function, StringAttr::get(function.getContext(), name)))
    return;
  if (failed(checkLegality(function, *rows, parameters, report)))
    return;
  func::FuncOp still = function.clone();
  still.setSymName(name);
  renamePrograms(still);
  function->getBlock()->getOperations().insertAfter(function->getIterator(), still);
  foldEntry(still, *rows, parameters);
  report.passed(function.getLoc(), "the entry '" + name + "' reads " + Twine(rows->stillColumns()) +
                                       " of " + Twine(rows->columns()) + " columns");
}

namespace {

struct FoldStillFrames : mlir::qvl::impl::FoldStillFramesPassBase<FoldStillFrames> {
  void runOnOperation() override {
    FusionReport report(*this, fused, missed);
    Parameters parameters(getOperation());
    for (auto function : llvm::to_vector(getOperation().getOps<func::FuncOp>()))
      addStillEntry(function, parameters, report);
  }
};

} // namespace
