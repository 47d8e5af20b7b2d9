// One function per phase that fills a pass manager, and their textual names.
#pragma once

#include "qvl/Codegen/TileGrid.h"

#include "mlir/Pass/PassManager.h"

#include <string>
#include <vector>

namespace qvl {

struct FuseOptions {
  bool foldStillFrames = false; ///< add the entry vision_still for pictures
};

struct OutlineOptions {
  mlir::qvl::TargetKind target = mlir::qvl::TargetKind::Cpu;
  int64_t maxContext = 0; ///< the most tokens of a sequence; 0: no bound is known
};

struct CodegenOptions {
  mlir::qvl::TargetKind target = mlir::qvl::TargetKind::Cpu;
  /// Of cpu "v3", "v4"; of cuda "sm_80", "sm_90a"; empty: cpu all, cuda sm_80.
  std::vector<std::string> featureSets;
  /// Of cuda: architectures to add machine code for, and the program that makes it.
  std::vector<std::string> cubins = {};
  std::string assembler = "ptxas";
  std::string dumpDirectory = {}; ///< receives KERNEL.mlir, .ll and .s or .ptx; empty: nothing
};

/// Phase fuse: the fusion passes of the qvl dialect, in the order in which each needs the one
/// before.
void buildFusePipeline(mlir::OpPassManager &pm, const FuseOptions &options = {});
/// Phase outline: encodings, programs and kernel functions.
void buildOutlinePipeline(mlir::OpPassManager &pm, const OutlineOptions &options = {});
/// Phase codegen: machine code or PTX for each kernel.
void buildCodegenPipeline(mlir::OpPassManager &pm, const CodegenOptions &options);

/// Registers every pass of the project and the pipelines qvl-fuse-pipeline, qvl-outline-pipeline
/// and qvl-codegen-pipeline.
void registerPassesAndPipelines();

/// Adds the dialects that phases read and write.
void registerDialects(mlir::DialectRegistry &registry);

} // namespace qvl
