#include "BlockFrame.h"
#include "Emitters.h"
#include "PtxText.h"
#include "dialects/qvl/IR/Qvl.h"
#include "qvl/Codegen/TileGrid.h"

#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "llvm/ADT/TypeSwitch.h"

namespace mlir::qvl {

static LogicalResult emitKernel(func::FuncOp kernel) {
  Operation *op = kernelOp(kernel);
  if (!op)
    return kernel.emitError("not a kernel function: its body is not one qvl op on its arguments");
  return llvm::TypeSwitch<Operation *, LogicalResult>(op)
      .Case([&](LinearOp) { return emitBlockLinear(kernel); })
      .Case([&](FusedLinearOp) { return emitBlockFusedLinear(kernel); })
      .Case([&](AttentionOp) { return emitBlockAttention(kernel); })
      .Case([&](CachedAttentionOp) { return emitBlockCachedAttention(kernel); })
      .Case([&](ArgmaxOp) { return emitBlockArgmax(kernel); })
      .Case([&](SampleOp) { return emitBlockSample(kernel); })
      .Case([&](CachedAttentionSplitsOp) { return emitBlockAttentionSplits(kernel); })
      .Case([&](MergeSplitsOp) { return emitBlockMergeSplits(kernel); })
      .Default([&](Operation *) { return emitBlockRows(kernel); });
}

LogicalResult emitBlockKernels(ModuleOp module) {
  for (func::FuncOp kernel : llvm::to_vector(module.getOps<func::FuncOp>()))
    if (failed(emitKernel(kernel)))
      return failure();
  return success();
}

void markKernels(ModuleOp module) {
  OpBuilder b(module.getContext());
  for (auto function : module.getOps<LLVM::LLVMFuncOp>()) {
    auto threads = function->getAttrOfType<IntegerAttr>(kThreadsAttr);
    if (!threads)
      continue;
    function->removeAttr(kThreadsAttr);
    function->setAttr(NVVM::NVVMDialect::getKernelFuncAttrName(), b.getUnitAttr());
    function->setAttr(NVVM::NVVMDialect::getReqntidAttrName(),
                      b.getDenseI32ArrayAttr({static_cast<int32_t>(threads.getInt())}));
    for (unsigned i = 0; i < function.getNumArguments(); ++i)
      if (function.getArgAttr(i, LLVM::LLVMDialect::getByValAttrName()))
        function.setArgAttr(i, NVVM::NVVMDialect::getGridConstantAttrName(), b.getUnitAttr());
    // Without a number ptxas aims at one of its own choice and spills to reach it.
    StringRef blocks = NVVM::NVVMDialect::getMinctasmAttrName();
    if (!function->hasAttr(blocks))
      function->setAttr(blocks, b.getI32IntegerAttr(1));
  }
}

} // namespace mlir::qvl
