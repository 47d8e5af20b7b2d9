// Verifiers of the dialect's discardable attributes, which stand on functions and their arguments.

#include "dialects/qvl/IR/Qvl.h"

#include "mlir/Interfaces/FunctionInterfaces.h"

#include "llvm/ADT/StringSet.h"

using namespace mlir;
using namespace mlir::qvl;

static bool isName(Attribute value) {
  auto name = dyn_cast<StringAttr>(value);
  return name && !name.empty();
}

static bool areDistinctNames(Attribute value) {
  auto names = dyn_cast<ArrayAttr>(value);
  llvm::StringSet<> seen;
  return names && !names.empty() && llvm::all_of(names, [&](Attribute name) {
           return isName(name) && seen.insert(cast<StringAttr>(name).getValue()).second;
         });
}

static LogicalResult verifyName(Operation *op, NamedAttribute attribute) {
  if (attribute.getName() == kNameAttr && !isName(attribute.getValue()))
    return op->emitOpError() << "'" << kNameAttr << "' must be a string that is not empty, got "
                             << attribute.getValue();
  return success();
}

/// The stored form of a kernel's weight is one that a parameter of the argument's type has.
static LogicalResult verifyStoredForm(Operation *op, unsigned argument, Attribute encoding) {
  auto function = dyn_cast<FunctionOpInterface>(op);
  Type type = function ? function.getArgumentTypes()[argument] : Type();
  auto tensor = dyn_cast_or_null<RankedTensorType>(type);
  if (!tensor || !isParameterType(tensor))
    return op->emitOpError() << "'" << kEncodingAttr << "' must be of an argument of the type of a "
                             << "parameter, got " << type;
  return verifyEncoding([&] { return op->emitOpError(); }, tensor, encoding);
}

LogicalResult QvlDialect::verifyOperationAttribute(Operation *op, NamedAttribute attribute) {
  if (attribute.getName() != kProgramsAttr)
    return success();
  if (!isa<FunctionOpInterface>(op) || !areDistinctNames(attribute.getValue()))
    return op->emitOpError() << "'" << kProgramsAttr
                             << "' must be a list of distinct names on a function, got "
                             << attribute.getValue();
  return success();
}

LogicalResult QvlDialect::verifyRegionArgAttribute(Operation *op, unsigned, unsigned argument,
                                                   NamedAttribute attribute) {
  Attribute value = attribute.getValue();
  if (attribute.getName() == kPatchAxesAttr) {
    auto axes = dyn_cast<DenseI64ArrayAttr>(value);
    if (!axes || axes.size() != 3 || !hasBoundedSizes(axes))
      return op->emitOpError() << "'" << kPatchAxesAttr << "' must be three positive sizes, got "
                               << value;
  }
  if (attribute.getName() == kEncodingAttr)
    return verifyStoredForm(op, argument, value);
  return verifyName(op, attribute);
}

LogicalResult QvlDialect::verifyRegionResultAttribute(Operation *op, unsigned, unsigned,
                                                      NamedAttribute attribute) {
  return verifyName(op, attribute);
}
