// One answer as it grows.
#include "qvlrt/answer.h"

#include "qvlrt/status.h"

#include "absl/strings/str_format.h"

#include <algorithm>
#include <cmath>

namespace qvlrt {

Answer::Answer(const Tokenizer &tokenizer, const SamplingParameters &sampling,
               const StopRules &rules, std::int64_t vocabSize, std::span<const std::int64_t> prompt)
    : rules(rules), promptTokens(prompt.size()), sampler(sampling, vocabSize),
      stream(tokenizer, rules.stopStrings) {
  sampler.observe(prompt);
}

absl::StatusOr<Answer> Answer::create(const Tokenizer &tokenizer,
                                      const SamplingParameters &sampling, const StopRules &rules,
                                      std::int64_t vocabSize,
                                      std::span<const std::int64_t> prompt) {
  QVLRT_RETURN_IF_ERROR(validateSampling(sampling));
  QVLRT_RETURN_IF_ERROR(validateStopRules(rules, prompt.size()));
  return Answer(tokenizer, sampling, rules, vocabSize, prompt);
}

absl::StatusOr<std::string> Answer::accept(std::span<const float> logits) {
  if (std::any_of(logits.begin(), logits.end(), [](float logit) { return std::isnan(logit); }))
    return absl::InternalError(absl::StrFormat(
        "the logits of token %d are not numbers: check the weights with --verify", chosen.size()));
  const std::int64_t id = sampler.next(logits);
  chosen.push_back(id);
  std::string text = stream.push(id);
  reason = qvlrt::finishReason(rules, promptTokens, chosen.size(), id, stream.stopped());
  if (finished())
    text += stream.finish();
  return text;
}

} // namespace qvlrt
