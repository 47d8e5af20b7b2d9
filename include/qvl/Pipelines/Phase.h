// The phases of a compile, one name everywhere: --compile-to, --dump-phases-to, the textual
// pipelines and the documentation.
#pragma once

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"

#include <optional>

namespace qvl {

enum class Phase {
  Import,  ///< Trace the checkpoint's configuration and headers into qvl ops, unfused and in raster
           ///< order.
  Fuse,    ///< Rewrite qvl ops into fewer, larger ones.
  Outline, ///< Split functions into qvlx programs and one small kernel function per distinct op.
  Codegen, ///< Compile the kernels of every target.
  Artifact, ///< Pack the weights and write the .qvl file.
};

/// All phases in order.
llvm::ArrayRef<Phase> allPhases();
/// "import", "fuse", ...
llvm::StringRef phaseName(Phase phase);
/// One line that says what the phase does.
llvm::StringRef phaseDescription(Phase phase);
std::optional<Phase> phaseNamed(llvm::StringRef name);

} // namespace qvl
