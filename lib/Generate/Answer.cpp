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
    return notNumbers();
  return append(sampler.next(logits));
}

absl::StatusOr<std::string> Answer::acceptChosen(std::int64_t id) {
  if (id == qvlfmt::kNoId)
    return notNumbers();
  sampler.accept(id);
  return append(id);
}

absl::Status Answer::notNumbers() const {
  return absl::InternalError(absl::StrFormat(
      "the logits of token %d are not numbers: check the weights with --verify", chosen.size()));
}

std::string Answer::append(std::int64_t id) {
  chosen.push_back(id);
  std::string text = stream.push(id);
  reason = qvlrt::finishReason(rules, promptTokens, chosen.size(), id, stream.stopped());
  if (finished())
    text += stream.finish();
  return text;
}

} // namespace qvlrt
