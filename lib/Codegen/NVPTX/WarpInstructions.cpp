#include "WarpInstructions.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

namespace mlir::qvl {
namespace {

constexpr int64_t kWholeWarp = -1;    // a mask of 32 ones
constexpr int64_t kWholeSegment = 31; // shuffles reach the whole warp

Value word(ImplicitLocOpBuilder &b, int64_t value) {
  return arith::ConstantIntOp::create(b, value, 32);
}

Value shuffle(ImplicitLocOpBuilder &b, Value value, Value lane, NVVM::ShflKind kind) {
  return NVVM::ShflOp::create(b, value.getType(), word(b, kWholeWarp), value, lane,
                              word(b, kWholeSegment), kind, UnitAttr());
}

/// Both halves of an i64.
Value shuffleWide(ImplicitLocOpBuilder &b, Value value, Value lane, NVVM::ShflKind kind) {
  Type i32 = b.getI32Type(), i64 = b.getI64Type();
  Value half = arith::ConstantIntOp::create(b, 32, 64);
  Value low = shuffle(b, arith::TruncIOp::create(b, i32, value), lane, kind);
  Value high = arith::TruncIOp::create(b, i32, arith::ShRUIOp::create(b, value, half));
  high = arith::ExtUIOp::create(b, i64, shuffle(b, high, lane, kind));
  return arith::OrIOp::create(b, arith::ExtUIOp::create(b, i64, low),
                              arith::ShLIOp::create(b, high, half));
}

} // namespace

Value shuffleXor(ImplicitLocOpBuilder &b, Value value, int64_t mask) {
  if (value.getType().isInteger(64))
    return shuffleWide(b, value, word(b, mask), NVVM::ShflKind::bfly);
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

Value recomputed(ImplicitLocOpBuilder &b, Value value) {
  Type i64 = b.getI64Type();
  Value number = arith::IndexCastOp::create(b, i64, value);
  auto dialect = LLVM::AsmDialectAttr::get(b.getContext(), LLVM::AsmDialect::AD_ATT);
  auto copy = LLVM::InlineAsmOp::create(b, i64, ValueRange{number}, "mov.b64 $0, $1;", "=l,l",
                                        /*has_side_effects=*/true, /*is_align_stack=*/false,
                                        LLVM::TailCallKind::None, dialect, ArrayAttr());
  return arith::IndexCastOp::create(b, value.getType(), copy.getResult(0));
}

Value packBf16(ImplicitLocOpBuilder &b, Value low, Value high) {
  auto pair = VectorType::get({2}, b.getF32Type());
  Value both = vector::FromElementsOp::create(b, pair, ValueRange{low, high});
  Value rounded = arith::TruncFOp::create(b, pair.clone(b.getBF16Type()), both);
  return LLVM::BitcastOp::create(b, b.getI32Type(), rounded);
}

Value approximateExp2(ImplicitLocOpBuilder &b, Value value) {
  auto name = b.getStringAttr("llvm.nvvm.ex2.approx.ftz.f");
  return LLVM::CallIntrinsicOp::create(b, b.getF32Type(), name, ValueRange{value}).getResult(0);
}

} // namespace mlir::qvl
