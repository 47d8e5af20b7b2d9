#include "WarpgroupMultiply.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"

namespace mlir::qvl {
namespace {

/// `{$first, $(first + 1), ...}`.
std::string operandList(int64_t first, int64_t count) {
  std::string text = "{";
  for (int64_t i = 0; i < count; ++i)
    text += (i > 0 ? ", $" : "$") + std::to_string(first + i);
  return text + "}";
}

/// Instructions that read and write `sums` in place, and read `inputs` behind them.
void emitInPlace(ImplicitLocOpBuilder &b, const std::string &text, MutableArrayRef<Value> sums,
                 ArrayRef<Value> inputs, const std::string &inputConstraints) {
  std::string constraints, tied;
  for (size_t i = 0; i < sums.size(); ++i) {
    constraints += i > 0 ? ",=f" : "=f";
    tied += "," + std::to_string(i);
  }
  SmallVector<Value> operands(sums);
  operands.append(inputs.begin(), inputs.end());
  SmallVector<Type> types(sums.size(), b.getF32Type());
  auto result = LLVM::InlineAsmOp::create(
      b, LLVM::LLVMStructType::getLiteral(b.getContext(), types), operands, text,
      constraints + tied + inputConstraints, /*has_side_effects=*/true, /*is_align_stack=*/false,
      LLVM::TailCallKind::None, LLVM::AsmDialectAttr(), ArrayAttr());
  for (size_t i = 0; i < sums.size(); ++i)
    sums[i] = LLVM::ExtractValueOp::create(b, result.getRes(), i);
}

} // namespace

Value columnDescriptor(ImplicitLocOpBuilder &b, Value pointer, int64_t rowBytes) {
  // Section 9.7.15.5.1.2.2: start address, and distance of groups of eight rows, in units of 16
  // bytes; modes 1 and 2 are the swizzles of 128 and 64 bytes. The other distance is not used.
  uint64_t rowGroupBytes = 8 * rowBytes, swizzle = rowBytes == 128 ? 1 : 2;
  uint64_t fixed = (rowGroupBytes >> 4) << 32 | uint64_t{1} << 16 | swizzle << 62;
  Value address = LLVM::PtrToIntOp::create(b, b.getI64Type(), pointer);
  auto constant = [&](uint64_t value) -> Value {
    return arith::ConstantIntOp::create(b, static_cast<int64_t>(value), 64);
  };
  Value start =
      arith::ShRUIOp::create(b, arith::AndIOp::create(b, address, constant(0x3ffff)), constant(4));
  return arith::OrIOp::create(b, start, constant(fixed));
}

Value advanceDescriptor(ImplicitLocOpBuilder &b, Value descriptor, int64_t bytes) {
  return arith::AddIOp::create(b, descriptor, arith::ConstantIntOp::create(b, bytes >> 4, 64));
}

void publishToMultiplies(ImplicitLocOpBuilder &b) {
  MLIRContext *context = b.getContext();
  NVVM::FenceProxyOp::create(b, NVVM::ProxyKindAttr::get(context, NVVM::ProxyKind::async_shared),
                             NVVM::SharedSpaceAttr::get(context, NVVM::SharedSpace::shared_cta));
}

void startMultiplyAdd(ImplicitLocOpBuilder &b, ArrayRef<Value> a, Value descriptor,
                      MutableArrayRef<Value> sums, bool isFirst) {
  int64_t count = sums.size(), inputs = 2 * count;
  // LLVM moves sums to their registers directly in front of the text, and no move may stand between
  // the fence and the multiplication: they are one text.
  std::string fence = isFirst ? "wgmma.fence.sync.aligned; " : "";
  std::string text = fence +
                     "{.reg .pred p; setp.eq.b32 p, 0, 0; "
                     "wgmma.mma_async.sync.aligned.m64n128k16.f32.bf16.bf16 " +
                     operandList(0, count) + ", " + operandList(inputs, 4) + ", $" +
                     std::to_string(inputs + 4) + ", p, 1, 1, 0;}";
  SmallVector<Value> operands(a);
  operands.push_back(descriptor);
  emitInPlace(b, text, sums, operands, ",r,r,r,r,l");
}

void waitForMultiplies(ImplicitLocOpBuilder &b, MutableArrayRef<Value> sums) {
  NVVM::WgmmaGroupSyncAlignedOp::create(b);
  // The sums pass through it, so that nothing reads them in front of it.
  emitInPlace(b, "wgmma.wait_group.sync.aligned 0;", sums, {}, "");
}

} // namespace mlir::qvl
