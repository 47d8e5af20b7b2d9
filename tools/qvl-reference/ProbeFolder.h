// A folder that receives the result of every op of a run (`--probe`).
#pragma once

#include "qvl/Reference/Interpreter.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Support/Error.h"

namespace qvlref {

/// Writes results as LOCATION.npy. Further results of one location get the suffixes .1, .2, ...;
/// ops without a location are called after their kind. The object must outlive the probes it gives.
class ProbeFolder {
public:
  ProbeFolder(std::string root, mlir::qvl::reference::Precision precision)
      : root(std::move(root)), folder(this->root), precision(precision) {}

  /// Starts a step of a run: what follows goes to the sub-folder `step`.
  llvm::Error beginStep(llvm::StringRef step);

  /// The probe of an interpreter; null when there is no folder.
  mlir::qvl::reference::Probe probe();

private:
  mlir::LogicalResult write(llvm::StringRef location, mlir::OpResult result,
                            const mlir::qvl::reference::Tensor &tensor);

  std::string root;
  std::string folder;
  mlir::qvl::reference::Precision precision;
  llvm::StringMap<unsigned> uses; ///< of each name in this step
};

} // namespace qvlref
