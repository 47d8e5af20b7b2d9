// Parameters of the interpreter from the files of a checkpoint.
#pragma once

#include "qvl/Import/Checkpoint.h"
#include "qvl/Reference/Interpreter.h"

namespace mlir::qvl::reference {

/// Gives the tensors of `checkpoint`, which must outlive the provider, widened exactly. A tensor
/// that is missing, of another element type or size, or cut short, is a diagnostic at the
/// parameter.
ParameterProvider checkpointParameters(const ::qvl::Checkpoint &checkpoint);

} // namespace mlir::qvl::reference
