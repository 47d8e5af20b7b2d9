// Recipes of parameters: what they are made of, and their verifiers.

#include "dialects/qvl/IR/Qvl.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mlir::qvl;

using EmitError = function_ref<InFlightDiagnostic()>;

//===----------------------------------------------------------------------===//
// Well-formed attributes
//===----------------------------------------------------------------------===//

/// A name of a tensor, or a recipe.
static bool isOperand(Attribute operand) {
  return isa_and_nonnull<StringAttr, RecipeAttrInterface>(operand);
}

/// An operand of a parameter's shape, with its type.
static LogicalResult verifyOperand(EmitError emitError, Attribute operand, RankedTensorType type) {
  if (!isOperand(operand))
    return emitError() << "a recipe is made of names of tensors and of recipes, got " << operand;
  if (!isParameterType(type))
    return emitError() << "an operand of a recipe must be of f32, bf16 or f16, of rank 1 or 2, "
                          "static and of 1 to 2^48 elements, got "
                       << type;
  return success();
}

LogicalResult ConcatAttr::verify(EmitError emitError, ArrayAttr operands, ArrayRef<int64_t> rows) {
  if (operands.size() < 2 || !llvm::all_of(operands, isOperand))
    return emitError() << "a concat names at least two tensors";
  if (rows.size() != operands.size() ||
      llvm::any_of(rows, [](int64_t count) { return count <= 0; }))
    return emitError() << "a concat gives a positive number of rows for each of its tensors";
  return success();
}

LogicalResult PadAttr::verify(EmitError emitError, Attribute operand, RankedTensorType type) {
  return verifyOperand(emitError, operand, type);
}

LogicalResult ConvertAttr::verify(EmitError emitError, Attribute operand, RankedTensorType type) {
  return verifyOperand(emitError, operand, type);
}

LogicalResult SumAttr::verify(EmitError emitError, Attribute operand, RankedTensorType type,
                              ArrayRef<int64_t> axes) {
  if (failed(verifyOperand(emitError, operand, type)))
    return failure();
  if (axes.size() != 3 || llvm::any_of(axes, [](int64_t size) { return size <= 0; }))
    return emitError() << "a sum needs three positive axes";
  return success();
}

//===----------------------------------------------------------------------===//
// What a recipe makes
//===----------------------------------------------------------------------===//

SmallVector<RecipeOperand> ConcatAttr::getRecipeOperands(RankedTensorType result) const {
  SmallVector<RecipeOperand> operands;
  for (auto [operand, rows] : llvm::zip(getOperands(), getRows())) {
    SmallVector<int64_t> shape(result.getShape());
    shape.front() = rows;
    operands.push_back({operand, result.clone(shape)});
  }
  return operands;
}

LogicalResult ConcatAttr::verifyResult(EmitError emitError, RankedTensorType result) const {
  // parameter_c5
  int64_t rows = 0;
  bool overflows =
      llvm::any_of(getRows(), [&](int64_t count) { return llvm::AddOverflow(rows, count, rows); });
  if (overflows || rows != result.getDimSize(0))
    return emitError() << "recipe makes " << rows << " rows of " << result;
  return success();
}

SmallVector<RecipeOperand> PadAttr::getRecipeOperands(RankedTensorType) const {
  return {{getOperand(), getType()}};
}

LogicalResult PadAttr::verifyResult(EmitError emitError, RankedTensorType result) const {
  // parameter_c7
  bool fits = getType().getRank() == result.getRank() &&
              getType().getElementType() == result.getElementType();
  for (int64_t i = 0; fits && i < result.getRank(); ++i)
    fits = getType().getDimSize(i) <= result.getDimSize(i);
  if (!fits)
    return emitError() << "recipe cannot pad " << getType() << " to " << result;
  return success();
}

SmallVector<RecipeOperand> ConvertAttr::getRecipeOperands(RankedTensorType) const {
  return {{getOperand(), getType()}};
}

LogicalResult ConvertAttr::verifyResult(EmitError emitError, RankedTensorType result) const {
  // parameter_c8
  Type from = getType().getElementType();
  if (getType().getShape() != result.getShape() || !(from.isBF16() || from.isF16()) ||
      !result.getElementType().isF32())
    return emitError() << "recipe cannot convert " << getType() << " to " << result;
  return success();
}

SmallVector<RecipeOperand> SumAttr::getRecipeOperands(RankedTensorType) const {
  return {{getOperand(), getType()}};
}

LogicalResult SumAttr::verifyResult(EmitError emitError, RankedTensorType result) const {
  // parameter_c9
  int64_t width = 0, columns = 0;
  bool overflows = llvm::MulOverflow(getAxes()[0], getAxes()[2], width) ||
                   llvm::MulOverflow(width, getAxes()[1], columns);
  if (overflows || getType().getRank() != 2 || result.getRank() != 2 ||
      getType().getDimSize(1) != columns || result.getDimSize(1) != width ||
      getType().getDimSize(0) != result.getDimSize(0) || !getType().getElementType().isF32() ||
      !result.getElementType().isF32())
    return emitError() << "recipe cannot add slices [" << getAxes() << "] of " << getType()
                       << " to " << result;
  return success();
}

LogicalResult mlir::qvl::verifyRecipe(EmitError emitError, RecipeAttrInterface recipe,
                                      RankedTensorType result) {
  if (failed(recipe.verifyResult(emitError, result)))
    return failure();
  for (const RecipeOperand &operand : recipe.getRecipeOperands(result))
    if (auto inner = dyn_cast<RecipeAttrInterface>(operand.value);
        inner && failed(verifyRecipe(emitError, inner, operand.type)))
      return failure();
  return success();
}

void mlir::qvl::forEachSource(const RecipeOperand &operand,
                              function_ref<void(StringRef, RankedTensorType)> visit) {
  if (auto name = dyn_cast<StringAttr>(operand.value))
    return visit(name.getValue(), operand.type);
  for (const RecipeOperand &inner :
       cast<RecipeAttrInterface>(operand.value).getRecipeOperands(operand.type))
    forEachSource(inner, visit);
}
