// The MLP of both halves of the model.
#pragma once

#include "qvl/Trace/Tracer.h"

namespace qvl::qwen2_5_vl {

/// Traces down(silu(gate(x)) · up(x)) in scope "mlp": back to the columns of `x`, through
/// `intermediateSize`. The vision tower's projections have a bias, the language model's have none
/// (model specification, sections 6.1 and 7.4).
inline Tensor gatedMlp(Tracer &trace, Tensor x, int64_t intermediateSize, bool bias) {
  auto scope = trace.scope("mlp");
  Tensor gate = trace.linear("gate_proj", x, intermediateSize, bias);
  Tensor up = trace.linear("up_proj", x, intermediateSize, bias);
  Tensor product = trace.mul("mul", trace.silu("act", gate), up);
  return trace.linear("down_proj", product, x.type().getDimSize(1), bias);
}

} // namespace qvl::qwen2_5_vl
