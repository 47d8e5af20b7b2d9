#include "KernelModules.h"
#include "qvl/Codegen/Math.h"

#include "mlir/Conversion/Passes.h"
#include "mlir/Dialect/MemRef/Transforms/Passes.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/Passes.h"

namespace mlir::qvl {

LogicalResult lowerToLLVMDialect(ModuleOp module, const LoweringOptions &options) {
  PassManager manager(module.getContext());
  OpPassManager &functions = manager.nest<func::FuncOp>();
  // The emitters repeat constants and index arithmetic: one of each is left, and what folds becomes
  // a displacement.
  functions.addPass(createCSEPass());
  functions.addPass(createCanonicalizerPass());
  // Functions of math become polynomials before any pass could turn them into calls of a library.
  functions.addPass(createExpandMathPass(options.avx512));
  // Whole transfers are unrolled: the default spills them to the stack inside the loop.
  VectorTransferToSCFOptions transfers;
  transfers.enableFullUnroll();
  functions.addPass(createConvertVectorToSCFPass(transfers));
  manager.addPass(createSCFToControlFlowPass());
  manager.addPass(memref::createExpandStridedMetadataPass());
  manager.addPass(createLowerAffinePass());
  ConvertVectorToLLVMPassOptions vectors;
  vectors.useVectorAlignment = options.alignedVectors;
  manager.addPass(createConvertVectorToLLVMPass(vectors));
  manager.addPass(createConvertMathToLLVMPass());
  manager.addPass(createArithToLLVMConversionPass());
  manager.addPass(createFinalizeMemRefToLLVMConversionPass());
  manager.addPass(createConvertFuncToLLVMPass());
  manager.addPass(createConvertControlFlowToLLVMPass());
  manager.addPass(createUBToLLVMConversionPass());
  manager.addPass(createConvertNVVMToLLVMPass());
  manager.addPass(createReconcileUnrealizedCastsPass());
  return manager.run(module);
}

} // namespace mlir::qvl
