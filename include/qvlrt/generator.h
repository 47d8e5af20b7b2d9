// The loop from a processed request to a finished answer.
#pragma once

#include "absl/status/statusor.h"
#include "qvlrt/answer.h"
#include "qvlrt/processor.h"
#include "qvlrt/session.h"

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace qvlrt {

struct GenerationOptions {
  SamplingParameters sampling;
  StopRules stop;
  /// Which rows of logits the result keeps. Last: one for each generated token (G rows). All:
  /// every prompt position, then one for each further token (T + G - 1 rows).
  LogitRows keepLogits = LogitRows::None;
  bool keepFeatures = false;
  /// Called with each piece of text; the pieces concatenate to the final text.
  std::function<void(std::string_view)> onText;
  /// Asked between program calls; true ends the generation with Cancelled.
  std::function<bool()> cancelled;
};

/// How the artifact's defaults choose ids; where there are none, as the reference library does.
SamplingParameters defaultSampling(const qvlfmt::ModelFacts &facts);

/// What the artifact's generation defaults and the session's context say.
GenerationOptions defaultGeneration(const Session &session);

/// Wall clock of the phases in milliseconds.
struct GenerationTimings {
  double vision = 0;
  double prefill = 0;
  double decode = 0;
  double firstToken = 0; // from the start of generate() until the first id is chosen
};

struct GenerationResult {
  std::vector<std::int64_t> ids; // an end id included
  std::string text;
  FinishReason finishReason = FinishReason::None;
  std::vector<float> features; // [M, hidden_size] when kept
  std::vector<float> logits;   // rows of V, as kept
  std::int64_t promptTokens = 0;
  GenerationTimings timings;

  /// Tokens per second of the phases; 0 when there were none. The first token belongs to prefill.
  double prefillRate() const;
  double decodeRate() const;
};

/// Encodes the media, prefills in chunks and decodes until a stop rule holds. The session must
/// hold no other sequence. Errors: those of Session and Answer; Cancelled.
absl::StatusOr<GenerationResult> generate(Session &session, const Tokenizer &tokenizer,
                                          const ProcessedRequest &request,
                                          const GenerationOptions &options);

} // namespace qvlrt
