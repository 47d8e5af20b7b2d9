// Miniature models of random sizes with random parameters.
#pragma once

#include "qvl/Import/ModelConfig.h"
#include "qvl/Reference/Interpreter.h"

namespace mlir::qvl::reference {

/// A model of a few blocks and layers whose sizes `seed` chooses: heads, head sizes, widths that
/// divide nothing, which blocks attend to whole frames, a tied or a separate head. Media have the
/// patches of kPatchLayout and windows of `windowSize` pixels.
::qvl::ModelConfig randomConfig(uint32_t seed, int64_t windowSize);

/// Gives every tensor of such a model numbers that depend on `seed` and on the tensor's name in the
/// checkpoint only: a fused model gets those of the traced one.
ParameterProvider randomParameters(uint32_t seed);

} // namespace mlir::qvl::reference
