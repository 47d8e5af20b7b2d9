// The language model (model specification, section 7): tokens of a ragged batch to logits, over a
// paged KV cache.

#include "models/qwen2_5_vl/GatedMlp.h"
#include "models/qwen2_5_vl/Model.h"

#include <cmath>

using namespace mlir;
namespace dialect = mlir::qvl;

namespace qvl::qwen2_5_vl {

namespace {

/// The operands that every layer shares.
struct LanguageInputs {
  Tensor table, rowOffsets, rowSequence, cacheLengths, blockTable, slots;
};

/// Causal attention over the cache, into which the rows' own keys and values go first.
Tensor selfAttention(Tracer &trace, const TextConfig &config, const LanguageInputs &in, Tensor x,
                     Value &cache, int64_t number) {
  auto scope = trace.scope("self_attn");
  auto project = [&](const Twine &name, int64_t heads) {
    Tensor y = trace.linear((name + "_proj").str(), x, heads * config.headDim, /*bias=*/true);
    return trace.splitHeads(("split_" + name).str(), y, {heads}, config.headDim).front();
  };
  Tensor q = trace.rotate("rotate_q", project("q", config.heads), in.table);
  Tensor k = trace.rotate("rotate_k", project("k", config.kvHeads), in.table);
  Tensor v = project("v", config.kvHeads);
  Value layer = trace.layer(number);
  cache = trace.cacheAppend("append", k, v, cache, layer, in.slots);
  double scale = 1.0 / std::sqrt(static_cast<double>(config.headDim));
  Tensor attended = trace.cachedAttention("attention", q, cache, layer, in.rowOffsets,
                                          in.rowSequence, in.cacheLengths, in.blockTable, scale);
  return trace.linear("o_proj", attended, config.hiddenSize, /*bias=*/false);
}

Tensor decoderLayer(Tracer &trace, const TextConfig &config, const LanguageInputs &in, Tensor x,
                    Value &cache, int64_t number) {
  auto scope = trace.scope("layers." + Twine(number));
  Tensor normed = trace.rmsNorm("input_layernorm", x, config.rmsNormEps);
  x = trace.add("add1", x, selfAttention(trace, config, in, normed, cache, number));
  normed = trace.rmsNorm("post_attention_layernorm", x, config.rmsNormEps);
  return trace.add("add2", x, gatedMlp(trace, normed, config.intermediateSize, /*bias=*/false));
}

} // namespace

LogicalResult traceLanguage(ModuleOp module, const TextConfig &config, const TraceOptions &options,
                            ParameterSource parameters) {
  Tracer trace(module, "language", parameters);
  Builder builder(module.getContext());
  Type f32 = builder.getF32Type(), i32 = builder.getI32Type();
  Type activation = elementType(*module.getContext(), options.activations);
  LanguageInputs in;
  Tensor ids = trace.input("ids", i32, {kDynamic});
  Tensor positions = trace.input("positions", i32, {3, kDynamic});
  Tensor features = trace.input("features", f32, {kDynamic, config.hiddenSize});
  Tensor featureRows = trace.input("feature_rows", i32, {kDynamic});
  in.rowOffsets = trace.input("row_offsets", i32, {kDynamic});
  in.rowSequence = trace.input("row_sequence", i32, {kDynamic});
  in.cacheLengths = trace.input("cache_lengths", i32, {kDynamic});
  in.blockTable = trace.input("block_table", i32, {kDynamic, kDynamic});
  in.slots = trace.input("slots", builder.getI64Type(), {kDynamic});
  Value cache = trace.cacheInput(
      "kv_cache", dialect::CacheType::get(module.getContext(), config.layers, config.kvHeads,
                                          config.headDim, options.pageSize, activation));
  Tensor logitRows = trace.input("logit_rows", i32, {kDynamic});
  // One function serves prefill (many rows) and decode (few rows of many sequences).
  trace.function()->setAttr(dialect::kProgramsAttr,
                            builder.getStrArrayAttr({"prefill", dialect::kDecodeProgram}));

  Tensor x;
  {
    auto scope = trace.scope("model");
    in.table = trace.ropeTable("rotary_emb", positions, config.ropeTheta, config.mropeSection,
                               dialect::FrequencySharing::shared);
    x = trace.embed("embed_tokens", ids, config.vocabSize, config.hiddenSize, activation);
    x = trace.mergeFeatures("merge_features", x, features, featureRows);
    for (int64_t number = 0; number < config.layers; ++number)
      x = decoderLayer(trace, config, in, x, cache, number);
    // The last norm is row-wise, so rows without logits are dropped before it.
    x = trace.rmsNorm("norm", trace.gatherRows("logit_rows", x, logitRows), config.rmsNormEps);
  }
  StringRef head = config.tieWordEmbeddings ? "model.embed_tokens.weight" : "lm_head.weight";
  Tensor logits = trace.linearBy("lm_head", x, head, config.vocabSize, f32);
  return trace.finish({{"logits", logits}}, cache);
}

} // namespace qvl::qwen2_5_vl
