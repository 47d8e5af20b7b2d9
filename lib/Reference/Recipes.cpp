#include "Recipes.h"

#include "OpFunctions.h"

#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mlir::qvl;
using namespace mlir::qvl::reference;

/// The rows of all parts.
static Tensor concat(std::vector<int64_t> shape, ArrayRef<Tensor> parts) {
  Tensor result;
  result.shape = std::move(shape);
  for (const Tensor &part : parts)
    llvm::append_range(result.values, part.values);
  return result;
}

static Tensor pad(std::vector<int64_t> shape, const Tensor &input) {
  Tensor result(std::move(shape));
  for (int64_t r = 0; r < input.rows(); ++r)
    std::copy_n(input.row(r), input.columns(), result.row(r));
  return result;
}

/// result[r, i·w + j] = Σ_t input[r, (i·n + t)·w + j], t ascending
template <typename Real>
static Tensor addSlices(std::vector<int64_t> shape, ArrayRef<int64_t> axes, const Tensor &input) {
  int64_t outer = axes[0], terms = axes[1], width = axes[2];
  Tensor result(std::move(shape));
  for (int64_t r = 0; r < input.rows(); ++r)
    for (int64_t i = 0; i < outer; ++i)
      for (int64_t j = 0; j < width; ++j) {
        const double *first = input.row(r) + i * terms * width + j;
        auto sum = static_cast<Real>(first[0]);
        for (int64_t t = 1; t < terms; ++t)
          sum += static_cast<Real>(first[t * width]);
        result.row(r)[i * width + j] = sum;
      }
  return result;
}

FailureOr<Tensor> reference::evaluateRecipe(ParameterOp op, const RecipeOperand &operand,
                                            SourceTensors sources, Precision precision) {
  if (auto name = dyn_cast<StringAttr>(operand.value))
    return sources(name.getValue(), operand.type);
  auto recipe = cast<RecipeAttrInterface>(operand.value);
  std::vector<Tensor> inputs;
  for (const RecipeOperand &inner : recipe.getRecipeOperands(operand.type)) {
    FailureOr<Tensor> input = evaluateRecipe(op, inner, sources, precision);
    if (failed(input))
      return failure();
    inputs.push_back(std::move(*input));
  }
  std::vector<int64_t> shape = operand.type.getShape().vec();
  return TypeSwitch<Attribute, FailureOr<Tensor>>(recipe)
      .Case([&](ConcatAttr) { return concat(std::move(shape), inputs); })
      .Case([&](PadAttr) { return pad(std::move(shape), inputs.front()); })
      .Case([&](ConvertAttr) { return std::move(inputs.front()); })
      .Case([&](SumAttr sum) {
        return inPrecision(precision, [&](auto zero) {
          return addSlices<decltype(zero)>(std::move(shape), sum.getAxes(), inputs.front());
        });
      })
      .Default([&](Attribute unknown) -> FailureOr<Tensor> {
        return op.emitOpError() << "recipe " << unknown
                                << " is unknown to the reference interpreter";
      });
}
