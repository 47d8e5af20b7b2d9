// One function per phase that fills a pass manager, and their textual names.
#pragma once

#include "mlir/Pass/PassManager.h"

#include <string>
#include <vector>

namespace qvl {

struct FuseOptions {
  bool foldStillFrames = false; ///< add the entry vision_still for pictures
};

struct CodegenOptions {
  std::vector<std::string> featureSets; ///< "v3", "v4"; empty: every one that is generated
  std::string dumpDirectory;            ///< receives KERNEL.mlir, .ll and .s; empty: nothing
};

/// Phase fuse: the fusion passes of the qvl dialect, in the order in which each needs the one
/// before.
void buildFusePipeline(mlir::OpPassManager &pm, const FuseOptions &options = {});
/// Phase outline: encodings, programs and kernel functions.
void buildOutlinePipeline(mlir::OpPassManager &pm);
/// Phase codegen: machine code for each kernel.
void buildCodegenPipeline(mlir::OpPassManager &pm, const CodegenOptions &options);

/// Registers every pass of the project and the pipelines qvl-fuse-pipeline, qvl-outline-pipeline
/// and qvl-codegen-pipeline.
void registerPassesAndPipelines();

/// Adds the dialects that phases read and write.
void registerDialects(mlir::DialectRegistry &registry);

} // namespace qvl
