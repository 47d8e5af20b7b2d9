// When an answer ends (the model specification, section 8.3).
#pragma once

#include "absl/status/status.h"

#include <cstdint>
#include <string>
#include <vector>

namespace qvlrt {

enum class FinishReason {
  None,   ///< not finished
  Stop,   ///< an end id or a stop string
  Length, ///< maxNewTokens or the context is full
};

/// "stop" or "length"; "none" for a sequence that goes on.
const char *finishReasonName(FinishReason reason);

/// The limits of one answer, in tokens.
struct StopRules {
  std::vector<std::int64_t> eosIds; ///< any of them ends the answer and is its last id
  std::int64_t maxNewTokens = 256;  ///< at least 1
  std::int64_t maxContext = 0;      ///< prompt and answer together
  std::vector<std::string> stopStrings;
};

/// InvalidArgument when a limit is below 1 or a stop string is unusable; limitReached() when
/// `promptTokens` leave no room for an answer in the context.
absl::Status validateStopRules(const StopRules &rules, std::int64_t promptTokens);

/// Whether the answer ends with its `generated`-th id, `id`. `stoppedByText` says that a stop
/// string was found. An end id wins over a limit reached by the same id.
FinishReason finishReason(const StopRules &rules, std::int64_t promptTokens, std::int64_t generated,
                          std::int64_t id, bool stoppedByText);

} // namespace qvlrt
