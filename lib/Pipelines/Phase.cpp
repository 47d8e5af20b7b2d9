// Names and descriptions of the phases.

#include "qvl/Pipelines/Phase.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/ErrorHandling.h"

namespace qvl {

llvm::ArrayRef<Phase> allPhases() {
  static constexpr Phase phases[] = {Phase::Import, Phase::Fuse, Phase::Outline, Phase::Codegen,
                                     Phase::Artifact};
  return phases;
}

llvm::StringRef phaseName(Phase phase) {
  switch (phase) {
  case Phase::Import:
    return "import";
  case Phase::Fuse:
    return "fuse";
  case Phase::Outline:
    return "outline";
  case Phase::Codegen:
    return "codegen";
  case Phase::Artifact:
    return "artifact";
  }
  llvm_unreachable("every phase has a name");
}

llvm::StringRef phaseDescription(Phase phase) {
  switch (phase) {
  case Phase::Import:
    return "trace the checkpoint's configuration and headers into qvl ops, unfused and in raster "
           "order";
  case Phase::Fuse:
    return "rewrite qvl ops into fewer, larger ones";
  case Phase::Outline:
    return "split functions into qvlx programs and one small kernel function per distinct op";
  case Phase::Codegen:
    return "compile the kernels of every target";
  case Phase::Artifact:
    return "pack the weights and write the .qvl file";
  }
  llvm_unreachable("every phase has a description");
}

std::optional<Phase> phaseNamed(llvm::StringRef name) {
  const Phase *found =
      llvm::find_if(allPhases(), [&](Phase phase) { return phaseName(phase) == name; });
  if (found == allPhases().end())
    return std::nullopt;
  return *found;
}

} // namespace qvl
