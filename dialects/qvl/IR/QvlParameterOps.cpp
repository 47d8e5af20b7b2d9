// Verifiers of qvl.parameter and qvl.load.

#include "dialects/qvl/IR/Qvl.h"

using namespace mlir;
using namespace mlir::qvl;

LogicalResult ParameterOp::verify() {
  RankedTensorType type = getTensorType();
  // parameter_c1
  if (!type.hasStaticShape() || type.getRank() < 1 || type.getRank() > 2)
    return emitOpError() << "type must be static and of rank 1 or 2, got " << type;
  // parameter_c4
  if (getSource() && getRecipe())
    return emitOpError() << "has a source and a recipe";
  // parameter_c5
  if (getRecipe() && llvm::sum_of(getRecipe()->getRows()) != type.getDimSize(0))
    return emitOpError() << "recipe makes " << llvm::sum_of(getRecipe()->getRows()) << " rows of "
                         << type;
  std::optional<Attribute> encoding = getEncoding();
  if (!encoding)
    return success();
  // parameter_c2
  auto panel = dyn_cast<PanelAttr>(*encoding);
  if (type.getRank() == 2 ? !panel : !isa<FlatAttr>(*encoding))
    return emitOpError() << "encoding of a rank-" << type.getRank() << " parameter must be "
                         << (type.getRank() == 2 ? "#qvl.panel" : "#qvl.flat") << ", got "
                         << *encoding;
  // parameter_c3
  if (panel && (panel.getPadN() < type.getDimSize(0) || panel.getPadK() < type.getDimSize(1)))
    return emitOpError() << "padded sizes " << panel.getPadN() << "x" << panel.getPadK()
                         << " are below the logical ones of " << type;
  // parameter_c6
  if (panel && panel.getInterleave() > 0 && type.getDimSize(0) % 2 != 0)
    return emitOpError() << "interleaved panels need an even number of rows, got " << type;
  return success();
}

SmallVector<std::pair<StringRef, RankedTensorType>> ParameterOp::getSourceTensors() {
  std::optional<ConcatAttr> recipe = getRecipe();
  if (!recipe)
    return {{getSource().value_or(getSymName()), getTensorType()}};
  SmallVector<std::pair<StringRef, RankedTensorType>> tensors;
  for (auto [name, rows] :
       llvm::zip(recipe->getSources().getAsValueRange<StringAttr>(), recipe->getRows())) {
    SmallVector<int64_t> shape(getTensorType().getShape());
    shape.front() = rows;
    tensors.emplace_back(name, getTensorType().clone(shape));
  }
  return tensors;
}

LogicalResult LoadOp::verifySymbolUses(SymbolTableCollection &symbols) {
  // load_c1
  auto parameter = symbols.lookupNearestSymbolFrom<ParameterOp>(*this, getParameterAttr());
  if (!parameter)
    return emitOpError() << "'" << getParameter() << "' does not name a qvl.parameter";
  // load_c2
  if (parameter.getType() != getResult().getType())
    return emitOpError() << "result type " << getResult().getType()
                         << " differs from the parameter's type " << parameter.getType();
  return success();
}
