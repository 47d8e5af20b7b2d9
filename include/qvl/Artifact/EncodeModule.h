// The qvlx module of a target as the tables of an artifact (include/qvlfmt/artifact.fbs).
#pragma once

#include "dialects/qvlx/IR/Qvlx.h"

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

/// The weights of all targets of an artifact, which holds each once.
class WeightTable {
public:
  /// Adds the weights of a module, in the order of its qvlx.data ops, behind those that are there.
  /// The module must live as long as the table. Fails with a diagnostic when a weight of an earlier
  /// module has the same name and another declaration.
  mlir::LogicalResult add(mlir::ModuleOp module);

  /// Every weight in the order of the artifact's weight table.
  mlir::FailureOr<std::vector<DeclaredWeight>> declared() const;
  /// The number of each weight by its name.
  const llvm::StringMap<uint32_t> &numbers() const { return numberOf; }

private:
  llvm::SmallVector<mlir::qvlx::DataOp> entries;
  llvm::StringMap<uint32_t> numberOf;
};

/// What an artifact says about a target beside its code.
struct TargetDescription {
  llvm::StringRef name;      ///< "cpu", "cuda"
  llvm::StringRef precision; ///< "f32", "bf16"
  qvlfmt::ElementType kvElement;
};

/// The objects, kernels and programs of a module after phase codegen; `weights` holds the module's
/// weights. Fails with a diagnostic when a kernel has no object or the module holds anything a
/// program cannot.
mlir::FailureOr<qvlfmt::TargetT> encodeTarget(mlir::ModuleOp module,
                                              const TargetDescription &description,
                                              const WeightTable &weights);

} // namespace qvl
