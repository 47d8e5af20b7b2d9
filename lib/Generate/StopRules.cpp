// When an answer ends.
#include "qvlrt/stop_rules.h"

#include "qvlrt/status.h"
#include "qvlrt/streaming.h"

#include "absl/strings/str_format.h"

#include <algorithm>

namespace qvlrt {

const char *finishReasonName(FinishReason reason) {
  switch (reason) {
  case FinishReason::Stop:
    return "stop";
  case FinishReason::Length:
    return "length";
  case FinishReason::None:
    break;
  }
  return "none";
}

absl::Status validateStopRules(const StopRules &rules, std::int64_t promptTokens) {
  if (rules.maxNewTokens < 1)
    return absl::InvalidArgumentError(
        absl::StrFormat("max-new-tokens is %d, it must be 1 or more", rules.maxNewTokens));
  if (promptTokens >= rules.maxContext)
    return limitReached(absl::StrFormat(
        "the prompt has %d tokens, but the context holds %d and needs one for the answer: shorten "
        "the prompt, lower --max-pixels or raise --max-context",
        promptTokens, rules.maxContext));
  return validateStopStrings(rules.stopStrings);
}

FinishReason finishReason(const StopRules &rules, std::int64_t promptTokens, std::int64_t generated,
                          std::int64_t id, bool stoppedByText) {
  const bool ended = std::find(rules.eosIds.begin(), rules.eosIds.end(), id) != rules.eosIds.end();
  if (ended || stoppedByText)
    return FinishReason::Stop;
  if (generated >= rules.maxNewTokens || promptTokens + generated >= rules.maxContext)
    return FinishReason::Length;
  return FinishReason::None;
}

} // namespace qvlrt
