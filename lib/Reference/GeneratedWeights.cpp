// The generator of appendix A of the model specification.

#include "qvl/Reference/GeneratedWeights.h"

#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace mlir::qvl;
using namespace mlir::qvl::reference;

/// The uniform number of element `j` of tensor `n`, in [-1, 1).
static double uniform(uint32_t n, uint32_t j) {
  uint32_t x = (j + 1) * 0x9E3779B1u + (n + 1) * 0x85EBCA77u;
  x ^= x >> 16;
  x *= 0x7FEB352Du;
  x ^= x >> 15;
  x *= 0x846CA68Bu;
  x ^= x >> 16;
  return x / 2147483648.0 - 1;
}

Tensor reference::generateTensor(uint32_t number, std::vector<int64_t> shape, double scale,
                                 double offset) {
  Tensor tensor(std::move(shape));
  for (auto [j, value] : llvm::enumerate(tensor.values))
    value = offset + scale * uniform(number, static_cast<uint32_t>(j));
  return tensor;
}

/// The names of the miniature model's parameters in the order of appendix A.
static std::vector<std::string> makeNames() {
  std::vector<std::string> names{"visual.patch_embed.proj.weight"};
  auto append = [&](const Twine &prefix, ArrayRef<StringRef> suffixes) {
    for (StringRef suffix : suffixes)
      names.push_back((prefix + suffix).str());
  };
  for (int block : {0, 1})
    append("visual.blocks." + Twine(block) + ".",
           {"norm1.weight", "norm2.weight", "attn.qkv.weight", "attn.qkv.bias", "attn.proj.weight",
            "attn.proj.bias", "mlp.gate_proj.weight", "mlp.gate_proj.bias", "mlp.up_proj.weight",
            "mlp.up_proj.bias", "mlp.down_proj.weight", "mlp.down_proj.bias"});
  append("visual.merger.",
         {"ln_q.weight", "mlp.0.weight", "mlp.0.bias", "mlp.2.weight", "mlp.2.bias"});
  append("model.", {"embed_tokens.weight"});
  for (int layer : {0, 1})
    append("model.layers." + Twine(layer) + ".",
           {"input_layernorm.weight", "self_attn.q_proj.weight", "self_attn.q_proj.bias",
            "self_attn.k_proj.weight", "self_attn.k_proj.bias", "self_attn.v_proj.weight",
            "self_attn.v_proj.bias", "self_attn.o_proj.weight", "post_attention_layernorm.weight",
            "mlp.gate_proj.weight", "mlp.up_proj.weight", "mlp.down_proj.weight"});
  append("", {"model.norm.weight", "lm_head.weight"});
  return names;
}

std::optional<uint32_t> reference::generatedNumber(StringRef name) {
  static const std::vector<std::string> names = makeNames();
  auto found = llvm::find(names, name);
  if (found == names.end())
    return std::nullopt;
  return static_cast<uint32_t>(found - names.begin());
}

FailureOr<Tensor> reference::generateParameter(ParameterOp parameter, StringRef name,
                                               RankedTensorType type) {
  std::optional<uint32_t> number = generatedNumber(name);
  if (!number)
    return parameter.emitOpError()
           << "needs '" << name << "', which is no parameter of the miniature model of appendix A";
  std::vector<int64_t> shape = type.getShape().vec();
  if (name.contains("norm") || name.contains("ln_q"))
    return generateTensor(*number, std::move(shape), 0.1, 1);
  if (name.ends_with(".bias"))
    return generateTensor(*number, std::move(shape), 0.1);
  return generateTensor(*number, std::move(shape), name.contains("embed_tokens") ? 0.5 : 0.2);
}
