// The recipe of a weight without MLIR.
#pragma once

#include "dialects/qvl/IR/Qvl.h"
#include "qvl/Artifact/Recipe.h"

namespace qvl {

/// `operand` over its sources in the order of mlir::qvl::forEachSource. Fails with a diagnostic at
/// `op` for a recipe that the packer does not know.
mlir::FailureOr<Recipe> encodeRecipe(mlir::Operation *op, const mlir::qvl::RecipeOperand &operand);

} // namespace qvl
