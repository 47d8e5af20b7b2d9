// `qvl-reference run`: one function of an MLIR file on tensors from .npy files.
#pragma once

#include "qvl/Reference/Interpreter.h"
#include "llvm/Support/Error.h"

#include <string>
#include <vector>

namespace qvlref {

struct RunOptions {
  std::string module;   ///< path of the MLIR file, "-" for stdin
  std::string function; ///< empty: the only one
  std::string checkpoint;
  bool generatedWeights = false;
  std::vector<std::string> inputs; ///< "NAME=FILE.npy"
  std::string output;              ///< folder, or empty
  std::string probe;               ///< folder, or empty
  mlir::qvl::reference::Precision precision = mlir::qvl::reference::Precision::F64;
};

/// Runs the function, prints one line for each result and writes it to the output folder. A cache
/// argument starts empty.
llvm::Error runFunction(const RunOptions &options);

} // namespace qvlref
