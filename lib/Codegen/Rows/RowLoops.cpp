#include "lib/Codegen/Rows/RowLoops.h"

#include "lib/Codegen/Emit/Loops.h"
#include "lib/Codegen/Emit/VectorMemory.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

namespace mlir::qvl {

void forEach(ImplicitLocOpBuilder &b, int64_t count, function_ref<void(Value)> emit) {
  forLoop(b, constantIndex(b, 0), constantIndex(b, count), 1, emit);
}

void forEachChunk(ImplicitLocOpBuilder &b, int64_t count, int64_t chunk,
                  function_ref<void(Value offset, int64_t width)> emit) {
  int64_t offset = count / chunk * chunk;
  if (offset == chunk)
    emit(constantIndex(b, 0), chunk);
  else if (offset > chunk)
    forLoop(b, constantIndex(b, 0), constantIndex(b, offset), chunk,
            [&](Value position) { emit(position, chunk); });
  for (int64_t width = chunk / 2; width > 0; width /= 2) {
    if (!(count & width))
      continue;
    emit(constantIndex(b, offset), width);
    offset += width;
  }
}

void forRowsOfWholeGroups(KernelFrame &frame, Value row, int64_t group, function_ref<void()> emit) {
  if (group == 1)
    return emit();
  ImplicitLocOpBuilder &b = frame.builder();
  Value wholeRows = product(b, frame.resultSize(0, 0), group);
  Value isWhole = arith::CmpIOp::create(b, arith::CmpIPredicate::slt, row, wholeRows);
  auto guarded = scf::IfOp::create(b, isWhole, /*withElseRegion=*/false);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(guarded.thenBlock());
  emit();
}

Value rowPointer(ImplicitLocOpBuilder &b, Type element, Value base, Value row, int64_t columns) {
  Value offset = arith::MulIOp::create(b, row, constantIndex(b, columns));
  return elementPointer(b, element, base, offset);
}

void copyElements(ImplicitLocOpBuilder &b, Type element, Value from, Value to, int64_t count) {
  convertElements(b, element, from, element, to, count);
}

void convertElements(ImplicitLocOpBuilder &b, Type fromElement, Value from, Type toElement,
                     Value to, int64_t count) {
  forEachChunk(b, count, kChunk, [&](Value offset, int64_t width) {
    Value source = elementPointer(b, fromElement, from, offset);
    Value target = elementPointer(b, toElement, to, offset);
    if (toElement.isBF16()) {
      // As integers: LLVM may merge the stores of two branches, and a bf16 that is chosen between
      // goes through f32 and a library function on targets without bf16.
      auto type = VectorType::get({width}, b.getF32Type());
      if (fromElement == toElement)
        store(b, load(b, type.clone(b.getI16Type()), source), target);
      else
        storeFloats(b, loadFloats(b, type, fromElement, source), toElement, target);
      return;
    }
    auto type = VectorType::get({width}, fromElement);
    store(b, convertFloat(b, load(b, type, source), toElement), target);
  });
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
