// Parameters that fusion passes put one below the other.

#include "dialects/qvl/Fusion/JoinedParameters.h"

#include "dialects/qvl/Fusion/FusionReport.h"

using namespace mlir;
using namespace mlir::qvl;

Parameters::Parameters(ModuleOp module) : symbols(module) {
  module.walk([&](LoadOp load) { ++loads[load.getParameterAttr().getAttr()]; });
}

ParameterOp Parameters::of(Value value) {
  auto load = value.getDefiningOp<LoadOp>();
  return load ? symbols.lookup<ParameterOp>(load.getParameter()) : ParameterOp();
}

void Parameters::erase(ArrayRef<Value> values, RewriterBase &rewriter) {
  for (Value value : values) {
    ParameterOp parameter = of(value);
    rewriter.eraseOp(value.getDefiningOp());
    symbols.erase(parameter);
  }
}

bool mlir::qvl::isJoinable(Value value, Parameters &parameters) {
  ParameterOp parameter = parameters.of(value);
  return parameter && !parameter.getEncoding() && parameters.isLoadedOnce(parameter) &&
         value.hasOneUse();
}

std::string mlir::qvl::nameOf(Value value) {
  if (auto load = value.getDefiningOp<LoadOp>())
    return load.getParameter().str();
  return value.getDefiningOp() ? describe(value.getDefiningOp()) : "an argument";
}

StringRef mlir::qvl::commonScope(ArrayRef<Value> values, Parameters &parameters) {
  StringRef scope = parameters.of(values.front()).getSymName();
  for (Value value : values.drop_front()) {
    StringRef name = parameters.of(value).getSymName();
    auto end = std::mismatch(scope.begin(), scope.end(), name.begin(), name.end()).first;
    scope = scope.take_front(end - scope.begin());
  }
  return scope.take_front(scope.rfind('.') + 1);
}

/// The recipe that puts the rows of the parameters one below the other.
static ConcatAttr recipeOf(ArrayRef<ParameterOp> parts, Builder &builder) {
  SmallVector<Attribute> operands;
  SmallVector<int64_t> rows;
  for (ParameterOp part : parts) {
    RecipeOperand origin = part.getOrigin();
    SmallVector<RecipeOperand> pieces{origin};
    if (auto concat = dyn_cast<ConcatAttr>(origin.value)) // A concat of concats is one.
      pieces = concat.getRecipeOperands(origin.type);
    for (const RecipeOperand &piece : pieces) {
      operands.push_back(piece.value);
      rows.push_back(piece.type.getDimSize(0));
    }
  }
  return ConcatAttr::get(builder.getContext(), builder.getArrayAttr(operands), rows);
}

Value mlir::qvl::join(ArrayRef<Value> values, StringRef name, RewriterBase &rewriter, Location loc,
                      Parameters &parameters) {
  auto parts = llvm::map_to_vector(values, [&](Value value) { return parameters.of(value); });
  ConcatAttr recipe = recipeOf(parts, rewriter);
  SmallVector<int64_t> shape(parts.front().getTensorType().getShape());
  shape.front() = llvm::sum_of(recipe.getRows());
  RankedTensorType type = parts.front().getTensorType().clone(shape);
  OpBuilder detached(rewriter.getContext());
  auto joined =
      ParameterOp::create(detached, NameLoc::get(rewriter.getStringAttr(name)), name, type,
                          /*source=*/StringAttr(), recipe, /*encoding=*/Attribute());
  StringAttr symbol = parameters.insert(joined, parts.front());
  return LoadOp::create(rewriter, loc, type, FlatSymbolRefAttr::get(symbol));
}
