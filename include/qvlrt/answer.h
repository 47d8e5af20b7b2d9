// One answer as it grows: the choice of each id, its text, and when it ends.
#pragma once

#include "absl/status/statusor.h"
#include "qvlrt/sampling.h"
#include "qvlrt/stop_rules.h"
#include "qvlrt/streaming.h"
#include "qvlrt/tokenizer.h"

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace qvlrt {

/// Turns rows of logits into an answer. It knows neither model nor device, so that any batch can
/// hold one per sequence. The tokenizer must outlive it.
class Answer {
public:
  /// `prompt` are the ids the answer continues. Errors: those of validateSampling and
  /// validateStopRules.
  static absl::StatusOr<Answer> create(const Tokenizer &tokenizer,
                                       const SamplingParameters &sampling, const StopRules &rules,
                                       std::int64_t vocabSize,
                                       std::span<const std::int64_t> prompt);

  /// Chooses the next id from its row of V logits and returns the text that can be shown now; the
  /// whole rest when the answer ended. Error: Internal when a logit is not a number.
  absl::StatusOr<std::string> accept(std::span<const float> logits);

  /// What a program needs to choose the next id itself; see Sampler::operands().
  SamplingOperands sampling() const { return sampler.operands(); }
  /// accept() of an id that a program chose. Error: Internal when it is qvlfmt::kNoId.
  absl::StatusOr<std::string> acceptChosen(std::int64_t id);

  bool finished() const { return reason != FinishReason::None; }
  FinishReason finishReason() const { return reason; }
  /// The ids chosen so far, an end id included.
  const std::vector<std::int64_t> &ids() const { return chosen; }
  /// The text so far, special tokens dropped, a stop string and what follows it cut off.
  const std::string &text() const { return stream.text(); }

private:
  Answer(const Tokenizer &tokenizer, const SamplingParameters &sampling, const StopRules &rules,
         std::int64_t vocabSize, std::span<const std::int64_t> prompt);

  absl::Status notNumbers() const;
  std::string append(std::int64_t id);

  StopRules rules;
  std::int64_t promptTokens;
  Sampler sampler;
  TextStream stream;
  std::vector<std::int64_t> chosen;
  FinishReason reason = FinishReason::None;
};

} // namespace qvlrt
