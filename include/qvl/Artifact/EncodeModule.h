// The qvlx module of a target as the tables of an artifact (include/qvlfmt/artifact.fbs).
#pragma once

#include "mlir/IR/BuiltinOps.h"

#include "qvl/Artifact/Recipe.h"
#include "qvlfmt/artifact_generated.h"

#include <optional>
#include <string>
#include <vector>

namespace qvl {

/// A weight as the module declares it: what the artifact's table says, and where the bytes come
/// from.
struct DeclaredWeight {
  std::string name;           ///< canonical
  std::vector<int64_t> shape; ///< logical
  qvlfmt::Encoding encoding;
  std::vector<std::string> sources; ///< names in the checkpoint files
  std::optional<Recipe> recipe;     ///< over `sources`; a weight without one is its only source
  int64_t interleave = 0;           ///< of the panels, see WeightDescription
};

/// The weights of a module in the order of its qvlx.data ops, which is the order of the artifact's
/// weight table.
mlir::FailureOr<std::vector<DeclaredWeight>> declaredWeights(mlir::ModuleOp module);

/// The objects, kernels and programs of a module after phase codegen. `name` and `precision` are
/// those of the target. Fails with a diagnostic when a kernel has no object or the module holds
/// anything a program cannot.
mlir::FailureOr<qvlfmt::TargetT> encodeTarget(mlir::ModuleOp module, llvm::StringRef name,
                                              llvm::StringRef precision);

} // namespace qvl
