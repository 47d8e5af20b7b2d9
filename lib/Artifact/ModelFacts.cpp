#include "qvl/Artifact/ModelFacts.h"
#include "qvl/Import/Failure.h"

using namespace qvl;

static std::unique_ptr<qvlfmt::Vec3> toVec3(const std::array<double, 3> &values) {
  return std::make_unique<qvlfmt::Vec3>(values[0], values[1], values[2]);
}

static std::unique_ptr<qvlfmt::ProcessorFactsT> describeProcessor(const ImportedModel &model) {
  const ProcessorConfig &processor = model.processor;
  auto facts = std::make_unique<qvlfmt::ProcessorFactsT>();
  facts->min_pixels = processor.minPixels;
  facts->max_pixels = processor.maxPixels;
  facts->patch_size = static_cast<int32_t>(processor.patchSize);
  facts->temporal_patch_size = static_cast<int32_t>(processor.temporalPatchSize);
  facts->merge_size = static_cast<int32_t>(processor.mergeSize);
  facts->window_size = static_cast<int32_t>(model.config.vision.windowSize);
  facts->tokens_per_second = model.config.vision.tokensPerSecond;
  facts->image_mean = toVec3(processor.imageMean);
  facts->image_std = toVec3(processor.imageStd);
  facts->rescale_factor = processor.rescaleFactor;
  return facts;
}

static std::unique_ptr<qvlfmt::GenerationDefaultsT>
describeGeneration(const GenerationConfig &config) {
  auto defaults = std::make_unique<qvlfmt::GenerationDefaultsT>();
  defaults->do_sample = config.doSample;
  defaults->temperature = config.temperature;
  defaults->top_k = static_cast<int32_t>(config.topK);
  defaults->top_p = config.topP;
  defaults->min_p = config.minP;
  defaults->repetition_penalty = config.repetitionPenalty;
  defaults->eos_ids.assign(config.eosIds.begin(), config.eosIds.end());
  defaults->pad_id = static_cast<int32_t>(config.padId);
  return defaults;
}

static std::unique_ptr<qvlfmt::TokenizerT> describeTokenizer(const TokenizerTables &tables) {
  auto tokenizer = std::make_unique<qvlfmt::TokenizerT>();
  tokenizer->byte_ids.assign(tables.byteIds.begin(), tables.byteIds.end());
  tokenizer->piece_offsets = tables.pieceOffsets;
  tokenizer->piece_bytes = tables.pieceBytes;
  for (const TokenizerTables::Merge &merge : tables.merges)
    tokenizer->merges.emplace_back(merge.left, merge.right, merge.result, merge.rank);
  for (const AddedToken &token : tables.addedTokens) {
    auto added = std::make_unique<qvlfmt::AddedTokenT>();
    added->id = token.id;
    added->content = token.content;
    added->special = token.special;
    tokenizer->added_tokens.push_back(std::move(added));
  }
  return tokenizer;
}

/// The language model's sizes and the ids.
static std::unique_ptr<qvlfmt::ModelFactsT> describeSizes(const ModelConfig &config) {
  auto facts = std::make_unique<qvlfmt::ModelFactsT>();
  facts->architecture = "qwen2_5_vl";
  facts->hidden_size = static_cast<int32_t>(config.text.hiddenSize);
  facts->layers = static_cast<int32_t>(config.text.layers);
  facts->heads = static_cast<int32_t>(config.text.heads);
  facts->kv_heads = static_cast<int32_t>(config.text.kvHeads);
  facts->head_dim = static_cast<int32_t>(config.text.headDim);
  facts->vocab_size = static_cast<int32_t>(config.text.vocabSize);
  facts->patch_row = static_cast<int32_t>(config.vision.patchRow());
  facts->vision_start_id = static_cast<int32_t>(config.ids.visionStart);
  facts->vision_end_id = static_cast<int32_t>(config.ids.visionEnd);
  facts->image_pad_id = static_cast<int32_t>(config.ids.image);
  facts->video_pad_id = static_cast<int32_t>(config.ids.video);
  return facts;
}

llvm::Expected<qvlfmt::ArtifactT> qvl::describeModel(const ImportedModel &model,
                                                     const FactOptions &options) {
  const int64_t mostContext = model.config.text.maxPositionEmbeddings;
  if (options.maxContext < 0 || options.maxContext > mostContext)
    return badInput(model.checkpoint.directory(),
                    "a context of " + llvm::Twine(options.maxContext) +
                        " tokens is not possible; this model has at most " +
                        llvm::Twine(mostContext));
  if (options.pageSize != 64 && options.pageSize != 128)
    return badInput(model.checkpoint.directory(),
                    "KV pages of " + llvm::Twine(options.pageSize) + " tokens: only 64 and 128");
  qvlfmt::ArtifactT artifact;
  artifact.producer = options.producer;
  artifact.model = describeSizes(model.config);
  artifact.model->name = model.name;
  artifact.model->max_context =
      static_cast<int32_t>(options.maxContext == 0 ? mostContext : options.maxContext);
  artifact.model->page_size = static_cast<int32_t>(options.pageSize);
  artifact.model->kv_element = options.kvElement;
  artifact.model->chat_template = model.chatTemplate;
  artifact.model->processor = describeProcessor(model);
  artifact.model->generation = describeGeneration(model.generation);
  artifact.tokenizer = describeTokenizer(model.tokenizer);
  return artifact;
}
