// Registration of the qvlx dialect and its buffer type.

#include "dialects/qvlx/IR/Qvlx.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mlir::qvlx;

#include "dialects/qvlx/IR/QvlxDialect.cpp.inc"
#define GET_TYPEDEF_CLASSES
#include "dialects/qvlx/IR/QvlxTypes.cpp.inc"
#define GET_ATTRDEF_CLASSES
#include "dialects/qvlx/IR/QvlxAttributes.cpp.inc"
#define GET_OP_CLASSES
#include "dialects/qvlx/IR/QvlxOps.cpp.inc"

void QvlxDialect::initialize() {
  addTypes<
#define GET_TYPEDEF_LIST
#include "dialects/qvlx/IR/QvlxTypes.cpp.inc"
      >();
  addAttributes<
#define GET_ATTRDEF_LIST
#include "dialects/qvlx/IR/QvlxAttributes.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "dialects/qvlx/IR/QvlxOps.cpp.inc"
      >();
}

Operation *QvlxDialect::materializeConstant(OpBuilder &builder, Attribute value, Type type,
                                            Location loc) {
  if (auto size = dyn_cast<IntegerAttr>(value); size && type.isIndex())
    return ConstantOp::create(builder, loc, builder.getI64IntegerAttr(size.getInt()));
  return nullptr;
}

Type BufferType::parse(AsmParser &parser) {
  SmallVector<int64_t> shape;
  Type element;
  if (parser.parseLess() || parser.parseDimensionList(shape, /*allowDynamic=*/true) ||
      parser.parseType(element) || parser.parseGreater())
    return {};
  return parser.getChecked<BufferType>(parser.getContext(), shape, element);
}

void BufferType::print(AsmPrinter &printer) const {
  printer << "<";
  printer.printDimensionList(getShape());
  printer << "x" << getElement() << ">";
}

LogicalResult BufferType::verify(function_ref<InFlightDiagnostic()> emitError,
                                 ArrayRef<int64_t> shape, Type element) {
  if (shape.empty())
    return emitError() << "a buffer has at least one dimension";
  if (!element.isF32() && !element.isBF16() && !element.isF16() && !element.isInteger(32) &&
      !element.isInteger(64) && !element.isInteger(8))
    return emitError() << "elements of a buffer must be f32, bf16, f16, i8, i32 or i64, got "
                       << element;
  return success();
}
