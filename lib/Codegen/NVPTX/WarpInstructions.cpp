#include "WarpInstructions.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

namespace mlir::qvl {
namespace {

constexpr int64_t kWholeWarp = -1; // a mask of 32 ones
constexpr int64_t kWholeWarpSegment = 31;

Value word(ImplicitLocOpBuilder &b, int64_t value) {
  return arith::ConstantIntOp::create(b, value, 32);
}

std::array<Value, 4> fields(ImplicitLocOpBuilder &b, Value structure) {
  std::array<Value, 4> result;
  for (int64_t i = 0; i < 4; ++i)
    result[i] = LLVM::ExtractValueOp::create(b, structure, i);
  return result;
}

Type structOf(ImplicitLocOpBuilder &b, Type field) {
  return LLVM::LLVMStructType::getLiteral(b.getContext(), SmallVector<Type>(4, field));
}

Value shuffle(ImplicitLocOpBuilder &b, Value value, Value lane, NVVM::ShflKind kind) {
  return NVVM::ShflOp::create(b, value.getType(), word(b, kWholeWarp), value, lane,
                              word(b, kWholeWarpSegment), kind, UnitAttr());
}

} // namespace

MatrixWords loadMatrices(ImplicitLocOpBuilder &b, Value pointer, bool transposed) {
  auto shape = NVVM::LdStMatrixShapeAttr::get(b.getContext(), 8, 8);
  auto layout = transposed ? NVVM::MMALayout::col : NVVM::MMALayout::row;
  Value loaded = NVVM::LdMatrixOp::create(b, structOf(b, b.getI32Type()), pointer, 4, layout, shape,
                                          NVVM::LdStMatrixEltType::B16);
  return fields(b, loaded);
}

Accumulators multiplyAdd(ImplicitLocOpBuilder &b, const MatrixWords &a, std::array<Value, 2> bWords,
                         const Accumulators &c) {
  std::array<NVVM::MMATypes, 2> types{NVVM::MMATypes::bf16, NVVM::MMATypes::bf16};
  std::array<NVVM::MMALayout, 2> layouts{NVVM::MMALayout::row, NVVM::MMALayout::col};
  Value result = NVVM::MmaOp::create(b, structOf(b, b.getF32Type()), ArrayRef<Value>(a),
                                     ArrayRef<Value>(bWords), ArrayRef<Value>(c),
                                     ArrayRef<int64_t>{16, 8, 16}, /*b1Op=*/std::nullopt,
                                     /*intOverflow=*/std::nullopt, types, layouts);
  return fields(b, result);
}

Value packBf16(ImplicitLocOpBuilder &b, Value low, Value high) {
  auto pair = VectorType::get({2}, b.getF32Type());
  Value both = vector::FromElementsOp::create(b, pair, ValueRange{low, high});
  Value rounded = arith::TruncFOp::create(b, pair.clone(b.getBF16Type()), both);
  return LLVM::BitcastOp::create(b, b.getI32Type(), rounded);
}

void copyAsync(ImplicitLocOpBuilder &b, Value shared, Value global, int64_t bytes, Value present) {
  // Only whole vectors may pass the first-level cache by.
  auto modifier = bytes == 16 ? NVVM::LoadCacheModifierKind::CG : NVVM::LoadCacheModifierKind::CA;
  Value size = present ? arith::SelectOp::create(b, present, word(b, bytes), word(b, 0)).getResult()
                       : Value();
  NVVM::CpAsyncOp::create(b, shared, global, bytes, modifier, size);
}

void commitCopies(ImplicitLocOpBuilder &b) { NVVM::CpAsyncCommitGroupOp::create(b); }

void waitForCopies(ImplicitLocOpBuilder &b, int64_t pending) {
  NVVM::CpAsyncWaitGroupOp::create(b, pending);
}

Value shuffleXor(ImplicitLocOpBuilder &b, Value value, int64_t mask) {
  return shuffle(b, value, word(b, mask), NVVM::ShflKind::bfly);
}

Value shuffleFrom(ImplicitLocOpBuilder &b, Value value, Value lane) {
  return shuffle(b, value, lane, NVVM::ShflKind::idx);
}

Value reduceLanes(ImplicitLocOpBuilder &b, Value value, int64_t lanes,
                  llvm::function_ref<Value(Value, Value)> combine) {
  for (int64_t distance = 1; distance < lanes; distance *= 2)
    value = combine(value, shuffleXor(b, value, distance));
  return value;
}

void synchronizeWarp(ImplicitLocOpBuilder &b) { NVVM::SyncWarpOp::create(b, word(b, kWholeWarp)); }

Value approximateExp2(ImplicitLocOpBuilder &b, Value value) {
  auto name = b.getStringAttr("llvm.nvvm.ex2.approx.ftz.f");
  return LLVM::CallIntrinsicOp::create(b, b.getF32Type(), name, ValueRange{value}).getResult(0);
}

} // namespace mlir::qvl
