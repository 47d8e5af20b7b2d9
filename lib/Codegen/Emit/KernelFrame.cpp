#include "KernelFrame.h"

#include "IndexArithmetic.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

namespace mlir::qvl {
namespace {

enum AbiArgument : unsigned { Context, Buffers, Scalars, Begin, End };

Type pointerType(OpBuilder &b) { return LLVM::LLVMPointerType::get(b.getContext()); }

func::FuncOp createAbiFunction(func::FuncOp kernel) {
  OpBuilder b(kernel.getContext());
  b.setInsertionPointAfter(kernel);
  Type pointer = pointerType(b), i64 = b.getI64Type();
  auto type = b.getFunctionType({pointer, pointer, pointer, i64, i64}, {});
  auto function = func::FuncOp::create(b, kernel.getLoc(), (kernel.getName() + ".abi").str(), type);
  function.addEntryBlock();
  return function;
}

} // namespace

KernelFrame::KernelFrame(func::FuncOp kernel, const TileGrid &grid)
    : KernelOperands(kernel), grid(grid), abiFunction(createAbiFunction(kernel)) {
  body.setInsertionPointToStart(&abiFunction.front());
  readArguments();
}

Value KernelFrame::loadScalar(int64_t position) {
  Value pointer =
      elementPointer(body, body.getI64Type(), abiFunction.getArgument(Scalars), position);
  Value value = load(body, body.getI64Type(), pointer);
  return arith::IndexCastOp::create(body, body.getIndexType(), value);
}

void KernelFrame::readArguments() {
  int64_t bufferPosition = 0, scalarPosition = 0;
  auto nextBuffer = [&] {
    Value slot =
        elementPointer(body, pointerType(body), abiFunction.getArgument(Buffers), bufferPosition++);
    return LLVM::LoadOp::create(body, pointerType(body), slot, 8).getResult();
  };
  readOperands(nextBuffer, [&] { return loadScalar(scalarPosition++); });
  auto bound = [&](AbiArgument argument) {
    return arith::IndexCastOp::create(body, body.getIndexType(), abiFunction.getArgument(argument));
  };
  firstTile = bound(Begin);
  lastTile = bound(End);
}

Value KernelFrame::contextField(Type type, int64_t byteOffset) {
  OpBuilder::InsertionGuard guard(body);
  body.setInsertionPointAfterValue(firstTile);
  Value field =
      elementPointer(body, body.getI8Type(), abiFunction.getArgument(Context), byteOffset);
  return LLVM::LoadOp::create(body, type, field, 8);
}

Value KernelFrame::scratch() {
  return contextField(pointerType(body), offsetof(qvl_kernel_context, scratch));
}

Value KernelFrame::worker() {
  Value number = contextField(body.getI64Type(), offsetof(qvl_kernel_context, worker));
  OpBuilder::InsertionGuard guard(body);
  body.setInsertionPointAfterValue(number);
  return arith::IndexCastOp::create(body, body.getIndexType(), number);
}

void KernelFrame::forEachTile(llvm::function_ref<void(Value, Value, Value)> emit) {
  Value rows = size(kernel.getArgument(grid.rowArgument), grid.rowDimension);
  Value rowTiles = quotient(body, sum(body, rows, grid.rowsPerTile - 1), grid.rowsPerTile);
  auto loop = scf::ForOp::create(body, firstTile, lastTile, constantIndex(body, 1));
  OpBuilder::InsertionGuard guard(body);
  body.setInsertionPointToStart(loop.getBody());
  Value columnTile = arith::DivUIOp::create(body, loop.getInductionVar(), rowTiles);
  Value rowTile = arith::RemUIOp::create(body, loop.getInductionVar(), rowTiles);
  Value rowBegin = product(body, rowTile, grid.rowsPerTile);
  Value rowEnd = minimum(body, sum(body, rowBegin, grid.rowsPerTile), rows);
  emit(columnTile, rowBegin, rowEnd);
}

void KernelFrame::replaceKernel() { replaceKernelBy(abiFunction); }

} // namespace mlir::qvl
