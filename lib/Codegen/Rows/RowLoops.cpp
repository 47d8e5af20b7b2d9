#include "lib/Codegen/Rows/RowLoops.h"

#include "lib/Codegen/Emit/Loops.h"
#include "lib/Codegen/Emit/VectorMemory.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

namespace mlir::qvl {

void forRowsOfWholeGroups(RowFrame &frame, Value row, int64_t group, function_ref<void()> emit) {
  if (group == 1)
    return emit();
  ImplicitLocOpBuilder &b = frame.builder();
  Value wholeRows = product(b, frame.resultSize(0, 0), group);
  Value isWhole = arith::CmpIOp::create(b, arith::CmpIPredicate::slt, row, wholeRows);
  ifTrue(b, isWhole, emit);
}

Value rowPointer(ImplicitLocOpBuilder &b, Type element, Value base, Value row, int64_t columns) {
  Value offset = arith::MulIOp::create(b, row, constantIndex(b, columns));
  return elementPointer(b, element, base, offset);
}

void copyElements(RowFrame &frame, Type element, Value from, Value to, int64_t count,
                  int64_t unit) {
  convertElements(frame, element, from, element, to, count, unit);
}

void convertElements(RowFrame &frame, Type fromElement, Value from, Type toElement, Value to,
                     int64_t count, int64_t unit) {
  ImplicitLocOpBuilder &b = frame.builder();
  frame.forEachChunk(count, unit, kChunk, [&](Value offset, int64_t width) {
    convertVector(frame, fromElement, elementPointer(b, fromElement, from, offset), toElement,
                  elementPointer(b, toElement, to, offset), width);
  });
}

void convertVector(RowFrame &frame, Type fromElement, Value from, Type toElement, Value to,
                   int64_t width) {
  ImplicitLocOpBuilder &b = frame.builder();
  int64_t fromAlignment = frame.alignment(fromElement, width);
  int64_t toAlignment = frame.alignment(toElement, width);
  if (!toElement.isBF16()) {
    Value stored = load(b, VectorType::get({width}, fromElement), from, fromAlignment);
    return store(b, convertFloat(b, stored, toElement), to, toAlignment);
  }
  // As integers: LLVM may merge the stores of two branches, and a bf16 that is chosen between goes
  // through f32 and a library function on targets without bf16.
  auto type = VectorType::get({width}, b.getF32Type());
  if (fromElement == toElement)
    store(b, load(b, type.clone(b.getI16Type()), from, fromAlignment), to, toAlignment);
  else
    storeFloats(b, loadFloats(b, type, fromElement, from, {}, fromAlignment), toElement, to, {},
                toAlignment);
}

void storeVector(RowFrame &frame, Value vector, Value to) {
  auto type = cast<VectorType>(vector.getType());
  store(frame.builder(), vector, to, frame.alignment(type.getElementType(), type.getDimSize(0)));
}

Value convertFloat(ImplicitLocOpBuilder &b, Value value, Type element) {
  Type type = element;
  if (auto vector = dyn_cast<VectorType>(value.getType()))
    type = vector.clone(element);
  if (type == value.getType())
    return value;
  bool widens =
      element.getIntOrFloatBitWidth() > getElementTypeOrSelf(value).getIntOrFloatBitWidth();
  if (widens)
    return arith::ExtFOp::create(b, type, value);
  return arith::TruncFOp::create(b, type, value);
}

} // namespace mlir::qvl
