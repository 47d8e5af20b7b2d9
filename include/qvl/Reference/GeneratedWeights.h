// Pseudo-random weights and inputs that anybody can make again: those of the miniature model in
// appendix A of the model specification.
#pragma once

#include "qvl/Reference/Interpreter.h"

namespace mlir::qvl::reference {

/// Elements of pseudo-random tensor `number`: uniform in [-1, 1), times `scale`, plus `offset`
/// (appendix A).
Tensor generateTensor(uint32_t number, std::vector<int64_t> shape, double scale = 1,
                      double offset = 0);

/// The number of a parameter in appendix A's list, or nothing when the list does not have it.
std::optional<uint32_t> generatedNumber(StringRef name);

/// Gives the parameters of the miniature model: weight matrices 0.2·u, biases 0.1·u, norm weights
/// 1 + 0.1·u, embeddings 0.5·u. Other names are diagnostics at the parameter.
FailureOr<Tensor> generateParameter(ParameterOp parameter, StringRef name, RankedTensorType type);

} // namespace mlir::qvl::reference
