// Verifiers of qvl.parameter and qvl.load.

#include "dialects/qvl/IR/Qvl.h"

using namespace mlir;
using namespace mlir::qvl;

LogicalResult mlir::qvl::verifyEncoding(function_ref<InFlightDiagnostic()> emitError,
                                        RankedTensorType type, Attribute encoding) {
  // parameter_c2
  auto panel = dyn_cast<PanelAttr>(encoding);
  if (type.getRank() == 2 ? !panel : !isa<FlatAttr>(encoding))
    return emitError() << "encoding of a rank-" << type.getRank() << " parameter must be "
                       << (type.getRank() == 2 ? "#qvl.panel" : "#qvl.flat") << ", got "
                       << encoding;
  // parameter_c3
  if (panel && (panel.getPadN() < type.getDimSize(0) || panel.getPadK() < type.getDimSize(1)))
    return emitError() << "padded sizes " << panel.getPadN() << "x" << panel.getPadK()
                       << " are below the logical ones of " << type;
  // parameter_c6
  if (panel && panel.getInterleave() > 0 && type.getDimSize(0) % 2 != 0)
    return emitError() << "interleaved panels need an even number of rows, got " << type;
  return success();
}

LogicalResult ParameterOp::verify() {
  RankedTensorType type = getTensorType();
  auto emitError = [&] { return emitOpError(); };
  // parameter_c1
  if (!isParameterType(type))
    return emitError() << "type must be of f32, bf16 or f16, of rank 1 or 2, static and of 1 to "
                          "2^48 elements, got "
                       << type;
  // parameter_c4
  if (getSource() && getRecipe())
    return emitError() << "has a source and a recipe";
  if (getRecipe() && failed(verifyRecipe(emitError, *getRecipe(), type)))
    return failure();
  return getEncoding() ? verifyEncoding(emitError, type, *getEncoding()) : success();
}

RecipeOperand ParameterOp::getOrigin() {
  if (getRecipe())
    return {*getRecipe(), getTensorType()};
  return {getSourceAttr() ? getSourceAttr() : getSymNameAttr(), getTensorType()};
}

SmallVector<std::pair<StringRef, RankedTensorType>> ParameterOp::getSourceTensors() {
  SmallVector<std::pair<StringRef, RankedTensorType>> tensors;
  forEachSource(getOrigin(),
                [&](StringRef name, RankedTensorType type) { tensors.emplace_back(name, type); });
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
