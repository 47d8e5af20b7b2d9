// Epilogue regions of fused projections on whole arrays.
#pragma once

#include "OpFunctions.h"

namespace mlir::qvl::reference {

/// What the epilogue of `op` yields, elementwise, for `arguments`: one tensor of equal shape for
/// each argument of the region. Every op of it is computed in the precision of the run. An op that
/// the interpreter does not know is a diagnostic.
FailureOr<Tensor> evaluateEpilogue(FusedLinearOp op, std::vector<Tensor> arguments,
                                   Precision precision);

} // namespace mlir::qvl::reference
