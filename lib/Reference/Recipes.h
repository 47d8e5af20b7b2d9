// Parameters made of tensors of the checkpoint.
#pragma once

#include "qvl/Reference/Interpreter.h"

namespace mlir::qvl::reference {

/// Gives a tensor of the checkpoint with its logical shape, or fails after a diagnostic.
using SourceTensors = function_ref<FailureOr<Tensor>(StringRef name, RankedTensorType type)>;

/// What a verified recipe makes of its sources; sums are in the precision of the run. Fails with a
/// diagnostic at `op` for a recipe that is unknown here.
FailureOr<Tensor> evaluateRecipe(ParameterOp op, const RecipeOperand &operand,
                                 SourceTensors sources, Precision precision);

} // namespace mlir::qvl::reference
