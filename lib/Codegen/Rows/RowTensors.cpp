#include "lib/Codegen/Rows/RowTensors.h"

#include "lib/Codegen/Emit/VectorMemory.h"
#include "lib/Codegen/Rows/RowLoops.h"

#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"

namespace mlir::qvl {

/// The memory as a memref: a descriptor over the pointer, cast. The cast and the one that
/// finalize-memref-to-llvm adds cancel.
static Value memrefOf(ImplicitLocOpBuilder &b, const RowMemory &memory) {
  auto pointer = cast<LLVM::LLVMPointerType>(memory.pointer.getType());
  Attribute space;
  if (unsigned number = pointer.getAddressSpace())
    space = b.getI64IntegerAttr(number);
  auto type = MemRefType::get({memory.count}, memory.element, MemRefLayoutAttrInterface(), space);
  Type i64 = b.getI64Type();
  Type array = LLVM::LLVMArrayType::get(i64, 1);
  Type descriptorType =
      LLVM::LLVMStructType::getLiteral(b.getContext(), {pointer, pointer, i64, array, array});
  auto constant = [&](int64_t value) {
    return LLVM::ConstantOp::create(b, i64, b.getI64IntegerAttr(value)).getResult();
  };
  Value descriptor = LLVM::PoisonOp::create(b, descriptorType);
  auto insert = [&](Value value, ArrayRef<int64_t> position) {
    descriptor = LLVM::InsertValueOp::create(b, descriptor, value, position);
  };
  insert(memory.pointer, {0}); // allocated
  insert(memory.pointer, {1}); // aligned
  insert(constant(0), {2});    // offset
  insert(constant(memory.count), {3, 0});
  insert(constant(1), {4, 0}); // stride
  return UnrealizedConversionCastOp::create(b, type, descriptor).getResult(0);
}

static Value tensorOf(ImplicitLocOpBuilder &b, Value memref, bool writable) {
  auto type = cast<MemRefType>(memref.getType());
  return bufferization::ToTensorOp::create(
      b, RankedTensorType::get(type.getShape(), type.getElementType()), memref, /*restrict=*/true,
      writable);
}

/// The arithmetic on one chunk.
static void emitChunk(ImplicitLocOpBuilder &b, ArrayRef<RowMemory> inputs, RowMemory result,
                      function_ref<Value(ImplicitLocOpBuilder &, ValueRange)> body) {
  SmallVector<Value> operands;
  for (const RowMemory &input : inputs)
    operands.push_back(tensorOf(b, memrefOf(b, input), /*writable=*/false));
  Value memory = memrefOf(b, result);
  Value destination = tensorOf(b, memory, /*writable=*/true);
  SmallVector<AffineMap> maps(inputs.size() + 1, b.getMultiDimIdentityMap(1));
  auto generic = linalg::GenericOp::create(
      b, destination.getType(), operands, destination, maps,
      ArrayRef<utils::IteratorType>{utils::IteratorType::parallel},
      [&](OpBuilder &builder, Location loc, ValueRange arguments) {
        ImplicitLocOpBuilder inner(loc, builder);
        SmallVector<Value> scalars;
        for (Value argument : arguments.drop_back())
          scalars.push_back(convertFloat(inner, argument, inner.getF32Type()));
        Value value = body(inner, scalars);
        linalg::YieldOp::create(inner, convertFloat(inner, value, result.element));
      });
  bufferization::MaterializeInDestinationOp::create(b, Type(), generic.getResult(0), memory,
                                                    /*restrict=*/true, /*writable=*/true);
}

void emitPointwise(RowFrame &frame, ArrayRef<RowMemory> inputs, RowMemory result,
                   function_ref<Value(ImplicitLocOpBuilder &, ValueRange)> body) {
  ImplicitLocOpBuilder &b = frame.builder();
  frame.forEachChunk(result.count, result.count, kChunk, [&](Value offset, int64_t width) {
    auto chunkOf = [&](const RowMemory &row) {
      return RowMemory{elementPointer(b, row.element, row.pointer, offset), row.element, width};
    };
    emitChunk(b, llvm::map_to_vector(inputs, chunkOf), chunkOf(result), body);
  });
}

} // namespace mlir::qvl
