// Writes the IR between phases, and after passes, for readers.
#pragma once

#include "qvl/Pipelines/Phase.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/PassManager.h"

#include "llvm/Support/Error.h"

#include <memory>
#include <string>

namespace qvl {

/// The module as text that qvl-opt reads back, with locations, since they carry the module paths.
std::string printModule(mlir::ModuleOp module);

/// Writes `text` to `path`, whole or not at all; to a stream ("-": stdout) as far as it goes.
llvm::Error writeText(llvm::StringRef path, llvm::StringRef text);

/// Numbered files in one directory, which exists.
class PhaseDump {
public:
  /// An empty directory dumps nothing.
  PhaseDump(std::string directory, bool passes) : directory(std::move(directory)), passes(passes) {}

  /// Writes NN-PHASE.mlir, or NN-PHASE.VARIANT.mlir of one of several modules.
  llvm::Error phase(Phase phase, llvm::StringRef variant, mlir::ModuleOp module);
  /// Makes the pass manager write NN-PHASE[.VARIANT].MM-PASS.mlir after every pass of the phase
  /// that runs next.
  void instrument(mlir::PassManager &pm, Phase phase, llvm::StringRef variant);

private:
  std::string directory;
  bool passes;
};

} // namespace qvl
