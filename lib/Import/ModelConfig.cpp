#include "qvl/Import/ModelConfig.h"
#include "qvl/Import/JsonDocument.h"

#include "llvm/ADT/STLExtras.h"
#include <algorithm>
#include <numeric>

using namespace qvl;
namespace json = llvm::json;

// Far above every released model, and low enough that no product of sizes overflows 64 bits.
static constexpr IntegerRange kWidth = {1, 1 << 20};
static constexpr IntegerRange kLayers = {1, 4096};
static constexpr IntegerRange kHeads = {1, 4096};
static constexpr IntegerRange kVocabulary = {1, 1 << 24};
static constexpr IntegerRange kPositions = {1, 1 << 24};
static constexpr IntegerRange kPatch = {1, 256};
static constexpr IntegerRange kGroup = {1, 16};
static constexpr IntegerRange kPixels = {1, 1 << 16};

bool VisionConfig::isFullAttention(int64_t block) const {
  return llvm::is_contained(fullAttentionBlocks, block);
}

//===----------------------------------------------------------------------===//
// Rotary embedding (section 1.4, rule 3)
//===----------------------------------------------------------------------===//

/// The kind of a rope dictionary: `rope_type` wins over the older `type`.
static std::string ropeType(const JsonFields &rope, llvm::StringRef fallback) {
  return rope.string("rope_type", rope.string("type", fallback));
}

static void parseTextRope(const JsonFields &fields, JsonProblems &problems, TextConfig &text) {
  llvm::StringRef key = "rope_parameters";
  const json::Object *object = fields.object(key);
  if (!object)
    object = fields.object(key = "rope_scaling");
  if (!object)
    return fields.report("rope_scaling", "missing (with its mrope_section)");
  const JsonFields rope(problems, (key + ".").str(), {object});
  const std::string type = ropeType(rope, "mrope");
  if (type != "mrope" && type != "default")
    rope.report("type", "'" + type + "' is not supported (mrope and default are)");
  // The theta inside belongs to this dictionary; the one beside it is the older place.
  text.ropeTheta =
      rope.find("rope_theta") ? rope.number("rope_theta") : fields.number("rope_theta");
  const std::vector<int64_t> sections = rope.integers("mrope_section", kWidth);
  if (sections.size() != text.mropeSection.size())
    return rope.report("mrope_section", "needs three entries");
  llvm::copy(sections, text.mropeSection.begin());
}

static void parseVisionRope(const JsonFields &fields, JsonProblems &problems,
                            VisionConfig &vision) {
  const JsonFields rope(problems, "vision_config.rope_parameters.",
                        {fields.object("rope_parameters")});
  const std::string type = ropeType(rope, "axial");
  if (type != "axial" && type != "default")
    rope.report("rope_type", "'" + type + "' is not supported (axial is)");
  vision.ropeTheta = rope.number("rope_theta", vision.ropeTheta);
}

//===----------------------------------------------------------------------===//
// Vision tower
//===----------------------------------------------------------------------===//

static void requireSilu(const JsonFields &fields) {
  const std::string activation = fields.string("hidden_act", "silu");
  if (activation != "silu")
    fields.report("hidden_act", "'" + activation + "' is not supported (silu is)");
}

static void parseFullAttentionBlocks(const JsonFields &fields, VisionConfig &vision) {
  std::vector<int64_t> blocks =
      fields.integers("fullatt_block_indexes", {0, kLayers.most}, vision.fullAttentionBlocks);
  llvm::sort(blocks);
  blocks.erase(std::unique(blocks.begin(), blocks.end()), blocks.end());
  // Upstream only asks whether a block is in the list, so an index behind the last block is inert.
  llvm::erase_if(blocks, [&](int64_t block) { return block >= vision.depth; });
  vision.fullAttentionBlocks = std::move(blocks);
}

static VisionConfig parseVision(const JsonFields &fields, JsonProblems &problems) {
  VisionConfig vision;
  vision.depth = fields.integer("depth", kLayers, vision.depth);
  vision.hiddenSize = fields.integer("hidden_size", kWidth, vision.hiddenSize);
  vision.heads = fields.integer("num_heads", kHeads, vision.heads);
  vision.intermediateSize = fields.integer("intermediate_size", kWidth, vision.intermediateSize);
  vision.outHiddenSize = fields.integer("out_hidden_size", kWidth, vision.outHiddenSize);
  vision.patchSize = fields.integer("patch_size", kPatch, vision.patchSize);
  vision.temporalPatchSize =
      fields.integer("temporal_patch_size", kGroup, vision.temporalPatchSize);
  vision.spatialMergeSize = fields.integer("spatial_merge_size", kGroup, vision.spatialMergeSize);
  // The class reads in_channels; the released files spell it in_chans.
  vision.inChannels = fields.integer({"in_channels", "in_chans"}, kGroup, vision.inChannels);
  vision.windowSize = fields.integer("window_size", kPixels, vision.windowSize);
  vision.tokensPerSecond = fields.number("tokens_per_second", vision.tokensPerSecond);
  parseFullAttentionBlocks(fields, vision);
  parseVisionRope(fields, problems, vision);
  requireSilu(fields);
  return vision;
}

static void validateVision(const JsonFields &fields, VisionConfig &vision) {
  if (vision.heads < 1 || vision.hiddenSize % vision.heads != 0)
    return fields.report("num_heads", llvm::Twine(vision.heads) + " does not divide hidden_size " +
                                          llvm::Twine(vision.hiddenSize));
  vision.headDim = vision.hiddenSize / vision.heads;
  // Rows and columns share the head; each rotates pairs.
  if (vision.headDim % 4 != 0)
    fields.report("num_heads",
                  "a head of " + llvm::Twine(vision.headDim) + " channels is not a multiple of 4");
  if (vision.inChannels != 3)
    fields.report("in_channels", "only 3 (RGB) is supported");
  if (vision.patchSize > 0 && vision.spatialMergeSize > 0 && vision.windowTokens() < 1)
    fields.report("window_size",
                  llvm::Twine(vision.windowSize) + " pixels hold no whole language token");
  if (vision.tokensPerSecond <= 0 || vision.tokensPerSecond > 1e6)
    fields.report("tokens_per_second", "must be positive and at most 1e6");
  if (vision.ropeTheta <= 1)
    fields.report("rope_parameters.rope_theta", "must be above 1");
}

//===----------------------------------------------------------------------===//
// Language model
//===----------------------------------------------------------------------===//

static TextConfig parseText(const JsonFields &fields, JsonProblems &problems) {
  TextConfig text;
  text.hiddenSize = fields.integer("hidden_size", kWidth);
  text.layers = fields.integer("num_hidden_layers", kLayers);
  text.heads = fields.integer("num_attention_heads", kHeads);
  text.kvHeads = fields.integer("num_key_value_heads", kHeads);
  text.intermediateSize = fields.integer("intermediate_size", kWidth);
  text.vocabSize = fields.integer("vocab_size", kVocabulary);
  text.rmsNormEps = fields.number("rms_norm_eps");
  text.maxPositionEmbeddings = fields.integer("max_position_embeddings", kPositions);
  parseTextRope(fields, problems, text);
  requireSilu(fields);
  if (fields.boolean("use_sliding_window", false))
    fields.report("use_sliding_window", "sliding window attention is not supported");
  return text;
}

static void validateText(const JsonFields &fields, TextConfig &text) {
  if (text.heads < 1 || text.hiddenSize % text.heads != 0)
    return fields.report("num_attention_heads", llvm::Twine(text.heads) +
                                                    " does not divide hidden_size " +
                                                    llvm::Twine(text.hiddenSize));
  if (text.kvHeads < 1 || text.heads % text.kvHeads != 0)
    return fields.report("num_key_value_heads", llvm::Twine(text.kvHeads) +
                                                    " does not divide num_attention_heads " +
                                                    llvm::Twine(text.heads));
  text.headDim = text.hiddenSize / text.heads;
  if (fields.integer("head_dim", kWidth, text.headDim) != text.headDim)
    fields.report("head_dim", "differs from hidden_size / num_attention_heads, which is " +
                                  llvm::Twine(text.headDim));
  const int64_t frequencies =
      std::accumulate(text.mropeSection.begin(), text.mropeSection.end(), int64_t{0});
  if (text.headDim % 2 != 0 || frequencies != text.headDim / 2)
    fields.report("mrope_section", "sums to " + llvm::Twine(frequencies) + ", half of the head's " +
                                       llvm::Twine(text.headDim) + " channels is needed");
  if (text.rmsNormEps <= 0 || text.rmsNormEps >= 1)
    fields.report("rms_norm_eps", "must lie between 0 and 1");
  if (text.ropeTheta <= 1)
    fields.report("rope_theta", "must be above 1");
}

//===----------------------------------------------------------------------===//
// The whole file
//===----------------------------------------------------------------------===//

static SpecialIds parseIds(const JsonFields &fields, int64_t vocabSize) {
  const IntegerRange range = {0, std::max<int64_t>(vocabSize, 1) - 1};
  SpecialIds ids;
  ids.visionStart = fields.integer("vision_start_token_id", range, -1);
  ids.visionEnd = fields.integer("vision_end_token_id", range, -1);
  ids.image = fields.integer("image_token_id", range, -1);
  ids.video = fields.integer("video_token_id", range, -1);
  ids.bos = fields.integer("bos_token_id", range, -1);
  ids.eos = fields.integers("eos_token_id", range, std::vector<int64_t>());
  return ids;
}

/// True when any of the places says so: exporters disagree about the place (section 1.4, rule 6).
static bool isTied(JsonProblems &problems, llvm::ArrayRef<const json::Object *> places) {
  return llvm::any_of(places, [&](const json::Object *place) {
    return place && JsonFields(problems, "", {place}).boolean("tie_word_embeddings", false);
  });
}

static void requireKnownModel(const JsonFields &top) {
  const std::string type = top.string("model_type", "");
  if (type != "qwen2_5_vl")
    top.report("model_type", "'" + type + "' is not supported (qwen2_5_vl is)");
  if (top.find("quantization_config"))
    top.report("quantization_config", "quantized checkpoints are not supported; use the original "
                                      "BF16, F16 or F32 checkpoint");
}

llvm::Expected<ModelConfig> qvl::parseModelConfig(llvm::StringRef json, llvm::StringRef file) {
  llvm::Expected<json::Object> root = parseJsonObject(json, file);
  if (!root)
    return root.takeError();
  JsonProblems problems(file);
  const JsonFields top(problems, "", {&*root});
  requireKnownModel(top);
  const json::Object *nested = top.object("text_config");
  const JsonFields textFields(problems, "", {nested, &*root});
  const JsonFields visionFields(problems, "vision_config.", {top.object("vision_config")});
  ModelConfig config;
  config.text = parseText(textFields, problems);
  config.text.tieWordEmbeddings = isTied(problems, {nested, &*root});
  config.vision = parseVision(visionFields, problems);
  config.ids = parseIds(JsonFields(problems, "", {&*root, nested}), config.text.vocabSize);
  validateText(textFields, config.text);
  validateVision(visionFields, config.vision);
  if (config.vision.outHiddenSize != config.text.hiddenSize)
    visionFields.report("out_hidden_size", llvm::Twine(config.vision.outHiddenSize) +
                                               " differs from the text model's hidden_size " +
                                               llvm::Twine(config.text.hiddenSize));
  if (llvm::Error error = problems.take())
    return std::move(error);
  return config;
}

llvm::Expected<ModelConfig> qvl::readModelConfig(llvm::StringRef directory) {
  const std::string path = pathIn(directory, "config.json");
  llvm::Expected<std::string> text = readTextFile(path, 16 << 20);
  if (!text)
    return text.takeError();
  return parseModelConfig(*text, path);
}
