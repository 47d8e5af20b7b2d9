// One function per phase that fills a pass manager.

#include "qvl/Pipelines/Pipelines.h"

#include "dialects/qvl/Transforms/Passes.h"
#include "qvl/Codegen/Math.h"
#include "qvl/Conversion/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Pass/PassOptions.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;

namespace qvl {

namespace {
/// FuseOptions as text.
struct FusePipelineOptions : PassPipelineOptions<FusePipelineOptions> {
  Option<bool> foldStillFrames{*this, "fold-still-frames",
                               llvm::cl::desc("Add the entry vision_still for pictures"),
                               llvm::cl::init(false)};
};

/// The kind of target as text.
struct TargetPipelineOptions : PassPipelineOptions<TargetPipelineOptions> {
  Option<mlir::qvl::TargetKind> target{
      *this, "target", llvm::cl::desc("The kind of target"),
      llvm::cl::init(mlir::qvl::TargetKind::Cpu),
      llvm::cl::values(clEnumValN(mlir::qvl::TargetKind::Cpu, "cpu", "x86"),
                       clEnumValN(mlir::qvl::TargetKind::Cuda, "cuda", "NVIDIA GPUs"))};
};
} // namespace

void buildFusePipeline(OpPassManager &pm, const FuseOptions &options) {
  // Row order is a fact about single steps, so it is assigned while every step is an op of its own.
  pm.addPass(mlir::qvl::createHoistWindowOrderPass());
  // Whole projections are joined before the epilogue pass turns each linear into its own fused op.
  pm.addPass(mlir::qvl::createFuseQkvPass());
  pm.addPass(mlir::qvl::createFuseGateUpPass());
  pm.addPass(mlir::qvl::createFuseEpiloguePass());
  // Only fused linears have row maps, and a residual operand decides whether one may store through
  // a map, so permutations fold when the epilogues are complete.
  pm.addPass(mlir::qvl::createFoldRowMapsPass());
  // The merge and the heads concern no projection; the split into query, key and value that
  // qvl-fuse-qkv makes comes before the rotations that join it.
  pm.addPass(mlir::qvl::createFuseSpatialMergePass());
  pm.addPass(mlir::qvl::createFuseRotaryPass());
  // Widens the rows between two projections, so every projection must have its epilogue.
  pm.addPass(mlir::qvl::createPadReductionPass());
  // Copies a whole function, which every other pass then has finished with.
  if (options.foldStillFrames)
    pm.addPass(mlir::qvl::createFoldStillFramesPass());
  // Layers load tables and constants anew; one of each is left for outlining. Nothing is folded
  // yet: folding rounds constants of epilogues to f32, and the fused model is to be the traced one
  // in f64.
  pm.addPass(createCSEPass());
}

void buildOutlinePipeline(OpPassManager &pm, const OutlineOptions &options) {
  if (options.target == mlir::qvl::TargetKind::Cuda) {
    // Where logits would have to be copied to be sampled, the program samples.
    pm.addPass(mlir::qvl::createSampleOnDevicePass());
    pm.addPass(createSplitCachedAttentionPass({.maxContext = options.maxContext}));
  }
  // The stored form of a weight is part of a kernel's key, so it is chosen first.
  pm.addPass(mlir::qvl::createAssignEncodingsPass());
  pm.addPass(createOutlineKernelsPass({.target = nameOf(options.target).str()}));
  // Every launch computes its sizes anew; folding leaves one of each in a program.
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
}

/// Options of the codegen pass of a target; `list` is its list of feature sets.
template <typename PassOptions, typename List>
static PassOptions codegenPassOptions(const CodegenOptions &options, List PassOptions::*list) {
  PassOptions result;
  (result.*list).assign(options.featureSets.begin(), options.featureSets.end());
  result.dumpDirectory = options.dumpDirectory;
  return result;
}

void buildCodegenPipeline(OpPassManager &pm, const CodegenOptions &options) {
  if (options.target == mlir::qvl::TargetKind::Cuda) {
    CodegenNVPTXPassOptions pass = codegenPassOptions(options, &CodegenNVPTXPassOptions::chips);
    pass.cubins.assign(options.cubins.begin(), options.cubins.end());
    pass.assembler = options.assembler;
    pm.addPass(createCodegenNVPTXPass(pass));
    return;
  }
  pm.addPass(
      createCodegenX86Pass(codegenPassOptions(options, &CodegenX86PassOptions::featureSets)));
}

void registerPassesAndPipelines() {
  mlir::qvl::registerQvlTransformsPasses();
  registerQvlConversionPasses();
  mlir::qvl::registerExpandMathPass();
  PassPipelineRegistration<FusePipelineOptions>(
      "qvl-fuse-pipeline", "Phase fuse", [](OpPassManager &pm, const FusePipelineOptions &options) {
        buildFusePipeline(pm, {options.foldStillFrames});
      });
  using TargetOptions = TargetPipelineOptions;
  PassPipelineRegistration<TargetOptions>("qvl-outline-pipeline", "Phase outline",
                                          [](OpPassManager &pm, const TargetOptions &options) {
                                            buildOutlinePipeline(pm, {.target = options.target});
                                          });
  PassPipelineRegistration<TargetOptions>("qvl-codegen-pipeline",
                                          "Phase codegen, with the default feature sets",
                                          [](OpPassManager &pm, const TargetOptions &options) {
                                            buildCodegenPipeline(pm, {.target = options.target});
                                          });
}

void registerDialects(DialectRegistry &registry) {
  registry.insert<mlir::qvl::QvlDialect, mlir::qvlx::QvlxDialect, func::FuncDialect,
                  arith::ArithDialect, math::MathDialect, tensor::TensorDialect>();
}

} // namespace qvl
