// A whole compile: a checkpoint directory in, the output of a phase or an artifact out.
#pragma once

#include "qvl/Codegen/TileGrid.h"
#include "qvl/Pipelines/Phase.h"

#include "llvm/Support/Error.h"

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace qvl {

/// The numeric modes of architecture.md, section 3.
enum class Precision { F32, BF16 };

/// A target of a compile: the code of one kind of device.
struct TargetOptions {
  mlir::qvl::TargetKind kind = mlir::qvl::TargetKind::Cpu;
  /// Of cpu "v3", "v4", "native"; of cuda "sm_80", "sm_90a"; empty: cpu all, cuda sm_80.
  std::vector<std::string> featureSets = {};
  Precision precision = Precision::F32; ///< of activations and the KV cache
};

/// What to compile and how. Paths are local.
struct CompileOptions {
  std::string checkpoint; ///< directory
  std::string output;     ///< the .qvl file, or the MLIR of an earlier phase ("-": stdout)
  Phase compileTo = Phase::Artifact;
  std::vector<TargetOptions> targets = {TargetOptions()}; ///< of different kinds
  int64_t maxContext = 0; ///< tokens of one sequence; 0: the checkpoint's maximum
  int64_t pageSize = 128; ///< tokens of one KV page: 64 or 128
  bool fuse = true;
  bool foldStillFrames = false; ///< add the entry vision_still for pictures; needs `fuse`
  bool fusionReport = false;    ///< print what was fused where, and what was missed and why
  /// Directory for NN-PHASE.mlir; empty: nothing. With several targets a name has a part more,
  /// where modules differ: NN-PHASE.PRECISION.mlir until fusion, NN-PHASE.TARGET.mlir then.
  std::string dumpPhasesTo;
  bool dumpPasses = false;   ///< also the IR after every pass, in dumpPhasesTo
  std::string dumpKernelsTo; ///< directory for KERNEL.mlir, .ll and .s or .ptx; empty: nothing
  /// GPU architectures ("sm_80") that target cuda gets machine code for beside PTX, and the program
  /// that makes it: the bytes of the artifact then depend on its version.
  std::vector<std::string> cubins;
  std::string assembler = "ptxas";
  unsigned threads = 0; ///< of the pass manager; 0: one per core
};

/// Called as a phase begins (`done` and `total` zero), as one ends (equal) and while weights are
/// packed (bytes).
using CompileProgress = std::function<void(Phase phase, uint64_t done, uint64_t total)>;

/// Runs the phases up to `options.compileTo` and writes its output, whole or not at all. Up to
/// phase codegen the output is the module of the one target. Warnings go to stderr, one line each.
/// An error is a Failure (Import/Failure.h) of one line; problems of the IR are printed as
/// diagnostics before.
llvm::Error compile(const CompileOptions &options, const CompileProgress &progress);

} // namespace qvl
