// The vision tower (model specification, section 6): patches to features of the language model's
// width.

#include "models/qwen2_5_vl/GatedMlp.h"
#include "models/qwen2_5_vl/Model.h"

#include <cmath>

using namespace mlir;
namespace dialect = mlir::qvl;

namespace qvl::qwen2_5_vl {

namespace {

/// The operands that every block shares.
struct VisionInputs {
  Tensor pixels, table, window, windows, frames;
};

/// Attention inside windows, or inside whole frames for the blocks that the configuration names. A
/// windowed block brings its rows into window order and its result back, since the residual stream
/// is in raster order.
Tensor attention(Tracer &trace, const VisionConfig &config, const VisionInputs &in, Tensor x,
                 bool full) {
  auto scope = trace.scope("attn");
  int64_t group = config.patchesPerToken();
  Tensor qkv = trace.linear("qkv", x, 3 * config.hiddenSize, /*bias=*/true);
  SmallVector<Tensor> parts =
      trace.splitHeads("split", qkv, {config.heads, config.heads, config.heads}, config.headDim);
  Tensor q = trace.rotate("rotate_q", parts[0], in.table);
  Tensor k = trace.rotate("rotate_k", parts[1], in.table);
  Tensor v = parts[2];
  double scale = 1.0 / std::sqrt(static_cast<double>(config.headDim));
  if (full)
    return trace.linear("proj",
                        trace.attention("attention", q, k, v, in.frames, scale, std::nullopt),
                        config.hiddenSize, true);
  auto intoWindows = [&](StringRef name, Tensor t) {
    return trace.regroup(name, t, in.window, in.frames, group, false);
  };
  q = intoWindows("window_q", q);
  k = intoWindows("window_k", k);
  v = intoWindows("window_v", v);
  Tensor attended = trace.attention("attention", q, k, v, in.windows, scale, config.windowRows());
  Tensor raster = trace.regroup("raster", attended, in.window, in.frames, group, /*inverse=*/true);
  return trace.linear("proj", raster, config.hiddenSize, /*bias=*/true);
}

Tensor block(Tracer &trace, const VisionConfig &config, const VisionInputs &in, Tensor x,
             int64_t number) {
  auto scope = trace.scope("blocks." + Twine(number));
  Tensor attended = attention(trace, config, in, trace.rmsNorm("norm1", x, config.normEps),
                              config.isFullAttention(number));
  x = trace.add("add1", x, attended);
  return trace.add("add2", x,
                   gatedMlp(trace, trace.rmsNorm("norm2", x, config.normEps),
                            config.intermediateSize, /*bias=*/true));
}

/// Four patches side by side become one token of the language model, of elements of type `element`.
Tensor merger(Tracer &trace, const VisionConfig &config, Tensor x, Type element) {
  auto scope = trace.scope("merger");
  Tensor merged =
      trace.mergeRows("merge", trace.rmsNorm("ln_q", x, config.normEps), config.patchesPerToken());
  Tensor hidden = trace.gelu("mlp.1", trace.linear("mlp.0", merged, config.mergedSize(), true));
  return trace.linear("mlp.2", hidden, config.outHiddenSize, true, element);
}

} // namespace

LogicalResult traceVision(ModuleOp module, const VisionConfig &config, const TraceOptions &options,
                          ParameterSource parameters) {
  Tracer trace(module, "vision", parameters);
  Builder builder(module.getContext());
  Type f32 = builder.getF32Type(), i32 = builder.getI32Type();
  VisionInputs in;
  in.pixels = trace.input("pixels", f32, {kDynamic, config.patchRow()});
  int64_t area = config.patchSize * config.patchSize;
  trace.function().setArgAttr(
      0, dialect::kPatchAxesAttr,
      builder.getDenseI64ArrayAttr(
          {config.patchRow() / (config.temporalPatchSize * area), config.temporalPatchSize, area}));
  Tensor positions = trace.input("positions", i32, {2, kDynamic});
  in.window = trace.input("window", i32, {kDynamic});
  in.windows = trace.input("windows", i32, {kDynamic});
  in.frames = trace.input("frames", i32, {kDynamic});

  auto scope = trace.scope("visual");
  int64_t section = config.headDim / 4;
  in.table = trace.ropeTable("rotary_pos_emb", positions, config.ropeTheta, {section, section},
                             dialect::FrequencySharing::per_axis);
  Tensor pixels = trace.cast("patch_embed.cast", in.pixels,
                             elementType(*module.getContext(), options.activations));
  Tensor x = trace.linear("patch_embed.proj", pixels, config.hiddenSize, /*bias=*/false);
  for (int64_t number = 0; number < config.depth; ++number)
    x = block(trace, config, in, x, number);
  return trace.finish({{"features", merger(trace, config, x, f32)}});
}

} // namespace qvl::qwen2_5_vl
