// The loop from a processed request to a finished answer.
#include "qvlrt/generator.h"

#include "qvlrt/status.h"

#include <algorithm>
#include <chrono>

namespace qvlrt {
namespace {

using Clock = std::chrono::steady_clock;

double millisSince(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

absl::Status checkCancelled(const GenerationOptions &options) {
  return options.cancelled && options.cancelled() ? absl::CancelledError("interrupted")
                                                  : absl::OkStatus();
}

/// Runs the vision program if there are media and returns the first feature row.
absl::StatusOr<std::int64_t> encodeMedia(Session &session, const ProcessedRequest &request,
                                         const GenerationOptions &options,
                                         GenerationResult &result) {
  const Clock::time_point start = Clock::now();
  session.clearFeatures();
  QVLRT_ASSIGN_OR_RETURN(const std::int64_t first, session.encodeMedia(request));
  if (request.mediaTokens > 0)
    result.timings.vision = millisSince(start);
  if (options.keepFeatures) {
    QVLRT_ASSIGN_OR_RETURN(result.features, session.readFeatures(first, request.mediaTokens));
  }
  return first;
}

/// Runs all pending tokens in chunks and leaves the logits of the last one in `last`.
absl::Status prefill(Session &session, SequenceState &sequence, const GenerationOptions &options,
                     GenerationResult &result, std::vector<float> &last) {
  const Clock::time_point start = Clock::now();
  while (const std::int64_t pending = sequence.pendingTokens()) {
    QVLRT_RETURN_IF_ERROR(checkCancelled(options));
    const std::int64_t rows = std::min(pending, session.prefillChunk());
    LogitRows wanted = rows == pending ? LogitRows::Last : LogitRows::None;
    if (options.keepLogits == LogitRows::All)
      wanted = LogitRows::All;
    const BatchItem item{.sequence = &sequence, .rows = rows, .logits = wanted};
    last.clear();
    QVLRT_RETURN_IF_ERROR(session.step({&item, 1}, last));
    if (options.keepLogits == LogitRows::All)
      result.logits.insert(result.logits.end(), last.begin(), last.end());
  }
  last.erase(last.begin(), last.end() - session.facts().vocab_size());
  if (options.keepLogits == LogitRows::Last)
    result.logits = last;
  result.timings.prefill = millisSince(start);
  return absl::OkStatus();
}

void show(const std::string &text, const GenerationOptions &options) {
  if (options.onText && !text.empty())
    options.onText(text);
}

absl::Status choose(std::span<const float> logits, const GenerationOptions &options,
                    Answer &answer) {
  QVLRT_ASSIGN_OR_RETURN(const std::string text, answer.accept(logits));
  show(text, options);
  return absl::OkStatus();
}

/// Runs the last id and chooses the next one where the logits are. Logits that nobody keeps stay
/// there.
absl::Status sampleNext(Session &session, const BatchItem &item, const GenerationOptions &options,
                        GenerationResult &result, Answer &answer) {
  const SamplingOperands sampling = answer.sampling();
  std::vector<std::int64_t> ids;
  std::vector<float> *kept = options.keepLogits == LogitRows::None ? nullptr : &result.logits;
  QVLRT_RETURN_IF_ERROR(session.sample({&item, 1}, {&sampling, 1}, ids, kept));
  QVLRT_ASSIGN_OR_RETURN(const std::string text, answer.acceptChosen(ids.front()));
  show(text, options);
  return absl::OkStatus();
}

/// Feeds each chosen id back until the answer is finished.
absl::Status decode(Session &session, SequenceState &sequence, const GenerationOptions &options,
                    GenerationResult &result, Answer &answer) {
  const Clock::time_point start = Clock::now();
  std::vector<float> logits;
  while (!answer.finished()) {
    QVLRT_RETURN_IF_ERROR(checkCancelled(options));
    sequence.append(answer.ids().back());
    const BatchItem item{.sequence = &sequence, .rows = 1};
    if (session.samplesOnDevice()) {
      QVLRT_RETURN_IF_ERROR(sampleNext(session, item, options, result, answer));
      continue;
    }
    logits.clear();
    QVLRT_RETURN_IF_ERROR(session.step({&item, 1}, logits));
    if (options.keepLogits != LogitRows::None)
      result.logits.insert(result.logits.end(), logits.begin(), logits.end());
    QVLRT_RETURN_IF_ERROR(choose(logits, options, answer));
  }
  result.timings.decode = millisSince(start);
  return absl::OkStatus();
}

double rate(double tokens, double millis) { return millis > 0 ? tokens * 1000.0 / millis : 0.0; }

} // namespace

SamplingParameters defaultSampling(const qvlfmt::ModelFacts &facts) {
  SamplingParameters sampling;
  if (const qvlfmt::GenerationDefaults *defaults = facts.generation()) {
    sampling.doSample = defaults->do_sample();
    sampling.temperature = static_cast<float>(defaults->temperature());
    sampling.topK = defaults->top_k();
    sampling.topP = defaults->top_p();
    sampling.minP = defaults->min_p();
    sampling.repetitionPenalty = defaults->repetition_penalty();
  }
  return sampling;
}

GenerationOptions defaultGeneration(const Session &session) {
  GenerationOptions options;
  options.sampling = defaultSampling(session.facts());
  options.stop.maxContext = session.maxContext();
  const qvlfmt::GenerationDefaults *defaults = session.facts().generation();
  if (defaults && defaults->eos_ids())
    options.stop.eosIds.assign(defaults->eos_ids()->begin(), defaults->eos_ids()->end());
  return options;
}

double GenerationResult::prefillRate() const { return rate(promptTokens, timings.prefill); }
double GenerationResult::decodeRate() const {
  return rate(static_cast<double>(ids.size()) - 1.0, timings.decode);
}

absl::StatusOr<GenerationResult> generate(Session &session, const Tokenizer &tokenizer,
                                          const ProcessedRequest &request,
                                          const GenerationOptions &options) {
  if (request.ids.empty())
    return absl::InvalidArgumentError("the prompt is empty");
  const Clock::time_point start = Clock::now();
  GenerationResult result;
  result.promptTokens = request.ids.size();
  // Before any work: a prompt that cannot be answered must not cost a vision run.
  QVLRT_ASSIGN_OR_RETURN(Answer answer, Answer::create(tokenizer, options.sampling, options.stop,
                                                       session.facts().vocab_size(), request.ids));
  QVLRT_RETURN_IF_ERROR(checkCancelled(options));
  QVLRT_ASSIGN_OR_RETURN(const std::int64_t firstFeature,
                         encodeMedia(session, request, options, result));
  QVLRT_ASSIGN_OR_RETURN(SequenceState sequence, session.newSequence(request, firstFeature));
  std::vector<float> logits;
  QVLRT_RETURN_IF_ERROR(prefill(session, sequence, options, result, logits));
  QVLRT_RETURN_IF_ERROR(choose(logits, options, answer));
  result.timings.firstToken = millisSince(start);
  QVLRT_RETURN_IF_ERROR(decode(session, sequence, options, result, answer));
  result.ids = answer.ids();
  result.text = answer.text();
  result.finishReason = answer.finishReason();
  return result;
}

} // namespace qvlrt
