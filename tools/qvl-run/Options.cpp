// What the options mean for a run.
#include "Options.h"

#include <algorithm>

namespace qvlrun {

bool Options::wantsTensor(const std::string &name) const {
  return !dumpDirectory.empty() ||
         std::any_of(expected.begin(), expected.end(),
                     [&](const ExpectedOutput &output) { return output.tensor == name; });
}

absl::StatusOr<std::vector<qvlrt::Message>> messagesOf(const Options &options) {
  absl::StatusOr<std::vector<qvlrt::Message>> messages =
      options.messages ? qvlrt::loadMessages(*options.messages)
                       : qvlrt::makeMessages({.system = options.system,
                                              .prompt = options.prompt.value_or(""),
                                              .media = options.media,
                                              .fps = options.fps});
  if (messages.ok() && qvlrt::isEmptyRequest(*messages))
    return absl::InvalidArgumentError(
        options.messages
            ? *options.messages + ": no message but the system's has text, a picture or a video"
            : "the prompt is empty and there is no picture or video: give one of them");
  return messages;
}

qvlrt::GenerationOptions generationOf(const Options &options, const qvlrt::Session &session) {
  qvlrt::GenerationOptions generation = qvlrt::defaultGeneration(session);
  generation.stop.maxNewTokens = options.maxNewTokens;
  generation.stop.stopStrings = options.stops;
  qvlrt::SamplingParameters &sampling = generation.sampling;
  if (options.temperature || options.topK || options.topP || options.minP)
    sampling.doSample = true;
  if (options.temperature) {
    // Any temperature that means greedy will do for 0, by which nothing can be divided.
    sampling.temperature = static_cast<float>(*options.temperature);
    if (sampling.temperature <= 0.0f)
      sampling.temperature = qvlrt::kGreedyTemperature;
  }
  sampling.topK = static_cast<int>(options.topK.value_or(sampling.topK));
  sampling.topP = options.topP.value_or(sampling.topP);
  sampling.minP = options.minP.value_or(sampling.minP);
  sampling.repetitionPenalty = options.repetitionPenalty.value_or(sampling.repetitionPenalty);
  sampling.seed = options.seed.value_or(0);
  if (options.greedy) {
    sampling.doSample = false;
    sampling.temperature = 1.0f;
  }
  generation.keepFeatures = options.wantsTensor("vision_features");
  if (options.wantsTensor("logits"))
    generation.keepLogits = options.allLogits ? qvlrt::LogitRows::All : qvlrt::LogitRows::Last;
  return generation;
}

qvlrt::ProcessorOptions processingOf(const Options &options) {
  qvlrt::ProcessorOptions processing;
  processing.minPixels = options.minPixels;
  processing.maxPixels = options.maxPixels;
  processing.allowSpecial = options.allowSpecial;
  return processing;
}

} // namespace qvlrun
