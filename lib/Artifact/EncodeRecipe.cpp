#include "EncodeRecipe.h"

#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
namespace dialect = mlir::qvl;

namespace qvl {

namespace {
/// Numbers the sources in the order in which it meets them.
class RecipeEncoder {
public:
  explicit RecipeEncoder(Operation *op) : op(op) {}
  FailureOr<Recipe> encode(const dialect::RecipeOperand &operand);

private:
  Operation *op;
  size_t sources = 0;
};
} // namespace

static std::optional<DType> elementOf(Type type) {
  if (type.isBF16())
    return DType::BF16;
  if (type.isF16())
    return DType::F16;
  if (type.isF32())
    return DType::F32;
  return std::nullopt;
}

static std::optional<Recipe::Kind> kindOf(Attribute recipe) {
  using Kind = std::optional<Recipe::Kind>;
  return llvm::TypeSwitch<Attribute, Kind>(recipe)
      .Case([](StringAttr) -> Kind { return Recipe::Kind::Source; })
      .Case([](dialect::ConcatAttr) -> Kind { return Recipe::Kind::Concat; })
      .Case([](dialect::PadAttr) -> Kind { return Recipe::Kind::Pad; })
      .Case([](dialect::ConvertAttr) -> Kind { return Recipe::Kind::Convert; })
      .Case([](dialect::SumAttr) -> Kind { return Recipe::Kind::Sum; })
      .Default([](Attribute) -> Kind { return std::nullopt; });
}

FailureOr<Recipe> RecipeEncoder::encode(const dialect::RecipeOperand &operand) {
  std::optional<Recipe::Kind> kind = kindOf(operand.value);
  std::optional<DType> element = elementOf(operand.type.getElementType());
  if (!kind || !element)
    return op->emitError() << "recipe " << operand.value << " of " << operand.type
                           << " cannot be stored in an artifact";
  ArrayRef<int64_t> shape = operand.type.getShape();
  Recipe recipe{.kind = *kind,
                .element = *element,
                .rows = shape[0],
                .columns = shape.size() == 2 ? shape[1] : 1};
  if (auto sum = dyn_cast<dialect::SumAttr>(operand.value))
    llvm::copy(sum.getAxes(), recipe.axes.begin());
  auto inner = dyn_cast<dialect::RecipeAttrInterface>(operand.value);
  if (!inner) {
    recipe.source = sources++;
    return recipe;
  }
  for (const dialect::RecipeOperand &next : inner.getRecipeOperands(operand.type)) {
    FailureOr<Recipe> encoded = encode(next);
    if (failed(encoded))
      return failure();
    recipe.operands.push_back(std::move(*encoded));
  }
  return recipe;
}

FailureOr<Recipe> encodeRecipe(Operation *op, const dialect::RecipeOperand &operand) {
  return RecipeEncoder(op).encode(operand);
}

} // namespace qvl
