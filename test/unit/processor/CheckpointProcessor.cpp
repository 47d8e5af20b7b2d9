#include "CheckpointProcessor.h"

#include "Goldens.h"

namespace qvlrt::testing {
namespace {

flatbuffers::DetachedBuffer buildModelFacts(const CheckpointFacts &facts) {
  flatbuffers::FlatBufferBuilder builder;
  const qvlfmt::Vec3 mean(0.48145466, 0.4578275, 0.40821073);
  const qvlfmt::Vec3 deviation(facts.standardDeviation, 0.26130258, 0.27577711);
  const auto processor = qvlfmt::CreateProcessorFacts(
      builder, facts.minPixels, facts.maxPixels, facts.patchSize, facts.temporalPatchSize,
      facts.mergeSize, facts.windowSize, facts.tokensPerSecond, &mean, &deviation, 1.0 / 255.0);
  const auto chatTemplate = builder.CreateString(facts.chatTemplate);
  qvlfmt::ModelFactsBuilder model(builder);
  model.add_max_context(facts.maxContext);
  model.add_patch_row(facts.patchRow);
  model.add_vision_start_id(facts.visionStartId);
  model.add_vision_end_id(facts.visionEndId);
  model.add_image_pad_id(facts.imagePadId);
  model.add_video_pad_id(facts.videoPadId);
  model.add_chat_template(chatTemplate);
  model.add_processor(processor);
  builder.Finish(model.Finish());
  return builder.Release();
}

} // namespace

CheckpointFacts readCheckpointFacts(const std::string &folder) {
  const auto config = readJson(folder + "/config.json");
  const auto preprocessor = readJson(folder + "/preprocessor_config.json");
  CheckpointFacts facts;
  facts.minPixels = preprocessor.at("min_pixels");
  facts.maxPixels = preprocessor.at("max_pixels");
  facts.visionStartId = config.at("vision_start_token_id");
  facts.visionEndId = config.at("vision_end_token_id");
  facts.imagePadId = config.at("image_token_id");
  facts.videoPadId = config.at("video_token_id");
  facts.tokensPerSecond = config.at("vision_config").at("tokens_per_second");
  facts.windowSize = config.at("vision_config").at("window_size");
  return facts;
}

CheckpointProcessor::CheckpointProcessor(const CheckpointFacts &facts, const Vocabulary &vocabulary)
    : tables(vocabulary), model(buildModelFacts(facts)) {
  processor.emplace(
      Processor::create(*flatbuffers::GetRoot<qvlfmt::ModelFacts>(model.data()), tables.get()));
}

} // namespace qvlrt::testing
