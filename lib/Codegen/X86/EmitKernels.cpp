#include "../Emit/AttentionTiles.h"
#include "../Emit/Emitters.h"
#include "../Emit/Projection.h"
#include "KernelLowering.h"
#include "dialects/qvl/IR/Qvl.h"
#include "qvl/Codegen/RowKernels.h"
#include "qvl/Codegen/TileGrid.h"

#include "llvm/ADT/TypeSwitch.h"

namespace mlir::qvl {
namespace {

LogicalResult emitKernel(func::FuncOp kernel, const TileTarget &target) {
  Operation *op = kernelOp(kernel);
  if (!op)
    return kernel.emitError("not a kernel function: its body is not one qvl op on its arguments");
  return llvm::TypeSwitch<Operation *, LogicalResult>(op)
      .Case([&](LinearOp) { return emitLinearKernel(kernel, target); })
      .Case([&](FusedLinearOp) { return emitFusedLinearKernel(kernel, target); })
      .Case([&](AttentionOp) { return emitAttentionKernel(kernel, target); })
      .Case([&](CachedAttentionOp) { return emitCachedAttentionKernel(kernel, target); })
      .Default([&](Operation *) { return emitRowKernel(kernel); });
}

std::unique_ptr<TileTarget> createTarget(const X86FeatureSet &features) {
  if (features.bf16Products)
    return createAvx512Bf16Target();
  return features.avx512 ? createAvx512Target() : createAvx2Target();
}

/// Whether the code differs where the target has products of pairs of bf16.
bool multipliesBf16(func::FuncOp kernel) {
  auto areBf16 = [](Value input, Value weight) {
    auto panel = dyn_cast_or_null<PanelAttr>(encodingOf(weight));
    return panel && multipliesBf16(getElementTypeOrSelf(input), panel);
  };
  return llvm::TypeSwitch<Operation *, bool>(kernelOp(kernel))
      .Case<LinearOp, FusedLinearOp>(
          [&](auto op) { return areBf16(op.getInput(), op.getWeight()); })
      .Case<AttentionOp, CachedAttentionOp>([](auto op) { return attendsInPairs(op); })
      .Default(false);
}

} // namespace

bool hasOwnCode(func::FuncOp kernel, const X86FeatureSet &features) {
  return features.isLevel() || (features.bf16Products && multipliesBf16(kernel));
}

LogicalResult emitKernels(ModuleOp module, const X86FeatureSet &features) {
  std::unique_ptr<TileTarget> target = createTarget(features);
  for (func::FuncOp kernel : llvm::to_vector(module.getOps<func::FuncOp>()))
    if (failed(emitKernel(kernel, *target)))
      return failure();
  return success();
}

} // namespace mlir::qvl
