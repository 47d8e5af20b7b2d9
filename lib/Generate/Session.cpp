// Sessions: programs, cache and feature pool of one model on one device.
#include "qvlrt/session.h"

#include "BatchOperands.h"
#include "FeaturePool.h"
#include "qvlrt/language_program.h"
#include "qvlrt/status.h"
#include "qvlrt/vision_program.h"

#include "absl/strings/str_format.h"

#include <algorithm>
#include <chrono>
#include <utility>

namespace qvlrt {
namespace {

using Clock = std::chrono::steady_clock;

double micros(Clock::duration duration) {
  return std::chrono::duration<double, std::micro>(duration).count();
}

/// How the ids behind the rows of a batch are chosen.
struct Choice {
  std::vector<float> settings;
  std::vector<std::int32_t> seen;
  std::vector<std::int64_t> draws;

  explicit Choice(std::span<const SamplingOperands> rows) {
    for (const SamplingOperands &row : rows) {
      settings.insert(settings.end(), row.settings.begin(), row.settings.end());
      seen.insert(seen.end(), row.seen.begin(), row.seen.end());
      draws.push_back(row.draw);
    }
  }
  void addTo(LanguageCall &call) const {
    call.sampling = settings;
    call.seen = seen;
    call.draws = draws;
  }
};

class ModelSession final : public Session {
public:
  ModelSession(std::unique_ptr<Executor> executor, VisionProgram pictures, VisionProgram videos,
               LanguageProgram prefill, LanguageProgram decode, std::unique_ptr<KvCache> cache,
               std::int64_t context, const SessionOptions &options)
      : executor(std::move(executor)), pictures(std::move(pictures)), videos(std::move(videos)),
        prefill(std::move(prefill)), decode(std::move(decode)),
        features(this->executor->device(), rowBytes(facts())), cache(std::move(cache)),
        context(context), chunk(options.prefillChunk), sampleOnDevice(options.sampleOnDevice) {}

  static std::uint64_t rowBytes(const qvlfmt::ModelFacts &facts) {
    return std::uint64_t{sizeof(float)} * facts.hidden_size();
  }

  const qvlfmt::ModelFacts &facts() const override { return executor->module().facts(); }
  std::int64_t maxContext() const override { return context; }
  std::int64_t prefillChunk() const override { return chunk; }

  absl::StatusOr<std::int64_t> encodeMedia(const ProcessedRequest &request) override;
  absl::StatusOr<std::vector<float>> readFeatures(std::int64_t first, std::int64_t count) override;
  void clearFeatures() override { features.clear(); }
  absl::StatusOr<SequenceState> newSequence(const ProcessedRequest &request,
                                            std::int64_t firstFeature) override;
  absl::Status step(std::span<const BatchItem> batch, std::vector<float> &logits) override;
  bool samplesOnDevice() const override { return sampleOnDevice && decode.choosesIds(); }
  absl::Status sample(std::span<const BatchItem> batch, std::span<const SamplingOperands> sampling,
                      std::vector<std::int64_t> &ids, std::vector<float> *logits) override;

  void profileInto(std::vector<ProgramRun> *runs) override { profile = runs; }
  std::uint64_t arenaBytes() const override { return executor->arenaBytes(); }
  std::uint64_t kvBytes() const override { return cache->committedBytes(); }

private:
  absl::Status encode(VisionProgram &vision, const VisionInput &input);
  /// Runs a batch. Rows of logits are appended to `logits` unless it is null; `choose` fills `ids`.
  absl::Status run(std::span<const BatchItem> batch, const Choice *choice,
                   std::vector<float> *logits, std::span<std::int32_t> ids);

  /// Runs `body(records)`, where records is null unless a profile is taken.
  template <typename Body> absl::Status profiled(std::string_view program, Body body) {
    if (!profile)
      return body(nullptr);
    ProgramRun run;
    run.program = program;
    const Clock::time_point start = Clock::now();
    const absl::Status status = body(&run.commands);
    run.startMicros = micros(start - created);
    run.durationMicros = micros(Clock::now() - start);
    profile->push_back(std::move(run));
    return status;
  }

  std::unique_ptr<Executor> executor;
  VisionProgram pictures, videos;
  LanguageProgram prefill, decode;
  FeaturePool features;
  std::unique_ptr<KvCache> cache;
  std::int64_t context; // tokens of one sequence
  std::int64_t chunk;
  bool sampleOnDevice;
  std::vector<ProgramRun> *profile = nullptr; // borrowed
  Clock::time_point created = Clock::now();
};

absl::Status ModelSession::encode(VisionProgram &vision, const VisionInput &input) {
  if (input.patches() == 0)
    return absl::OkStatus();
  const std::vector<std::int32_t> window(input.windows.windowIndex.begin(),
                                         input.windows.windowIndex.end());
  const std::int64_t count = window.size();
  QVLRT_ASSIGN_OR_RETURN(const std::int64_t first, features.append(count));
  return profiled(vision.name(), [&](std::vector<CommandRecord> *records) {
    return vision.run({.pixels = input.pixelValues,
                       .positions = input.positions,
                       .window = window,
                       .windows = input.windows.cuWindowSeqlens,
                       .frames = input.windows.cuSeqlens},
                      features.rows(first, count), records);
  });
}

absl::StatusOr<std::int64_t> ModelSession::encodeMedia(const ProcessedRequest &request) {
  const std::int64_t first = features.size();
  // Two calls, as in the model specification, section 6: images first, then videos.
  QVLRT_RETURN_IF_ERROR(encode(pictures, request.images));
  QVLRT_RETURN_IF_ERROR(encode(videos, request.videos));
  // So that a failed kernel and the time of encoding are counted here.
  QVLRT_RETURN_IF_ERROR(executor->device().synchronize());
  return first;
}

absl::StatusOr<std::vector<float>> ModelSession::readFeatures(std::int64_t first,
                                                              std::int64_t count) {
  if (first < 0 || count < 0 || count > features.size() - first)
    return absl::InvalidArgumentError(
        absl::StrFormat("feature rows %d to %d are asked for, but the pool has %d", first,
                        first + count, features.size()));
  std::vector<float> host(count * facts().hidden_size());
  if (count > 0)
    QVLRT_RETURN_IF_ERROR(executor->device().copyToHost(std::as_writable_bytes(std::span(host)),
                                                        features.rows(first, count)));
  return host;
}

absl::StatusOr<SequenceState> ModelSession::newSequence(const ProcessedRequest &request,
                                                        std::int64_t firstFeature) {
  const auto tokens = static_cast<std::int64_t>(request.ids.size());
  if (tokens > context)
    return limitReached(
        absl::StrFormat("the prompt has %d tokens, but the context holds %d", tokens, context));
  return SequenceState(request, firstFeature, cache->newSequence(context));
}

absl::Status ModelSession::step(std::span<const BatchItem> batch, std::vector<float> &logits) {
  return run(batch, nullptr, &logits, {});
}

absl::Status ModelSession::sample(std::span<const BatchItem> batch,
                                  std::span<const SamplingOperands> sampling,
                                  std::vector<std::int64_t> &ids, std::vector<float> *logits) {
  if (!samplesOnDevice())
    return absl::FailedPreconditionError("this session does not choose ids on the device");
  const bool areSingleRows = std::all_of(batch.begin(), batch.end(), [](const BatchItem &item) {
    return item.rows == 1 && item.logits != LogitRows::None;
  });
  if (!areSingleRows || sampling.size() != batch.size())
    return absl::InvalidArgumentError(
        "ids are chosen behind single rows with logits, each with its own operands");
  const Choice choice(sampling);
  std::vector<std::int32_t> chosen(batch.size());
  QVLRT_RETURN_IF_ERROR(run(batch, &choice, logits, chosen));
  ids.insert(ids.end(), chosen.begin(), chosen.end());
  return absl::OkStatus();
}

absl::Status ModelSession::run(std::span<const BatchItem> batch, const Choice *choice,
                               std::vector<float> *logits, std::span<std::int32_t> ids) {
  QVLRT_ASSIGN_OR_RETURN(BatchOperands operands, gatherBatch(batch));
  const bool decoding = operands.isDecode();
  LanguageProgram &program = decoding ? decode : prefill;
  if (program.keepsShapes())
    operands.widenBlockTable(cache->layout().pagesFor(context));
  LanguageCall call = operands.call();
  if (choice)
    choice->addTo(call);
  const std::size_t before = logits ? logits->size() : 0;
  if (logits)
    logits->resize(before + operands.logitRows.size() * facts().vocab_size());
  const absl::Status status =
      profiled(decoding ? "decode" : "prefill", [&](std::vector<CommandRecord> *records) {
        const std::span<float> rows =
            logits ? std::span(*logits).subspan(before) : std::span<float>();
        return program.run(call, features.rows(0, features.size()), features.size(), *cache, rows,
                           records, ids);
      });
  if (!status.ok()) {
    if (logits)
      logits->resize(before);
    return status;
  }
  for (const BatchItem &item : batch)
    QVLRT_RETURN_IF_ERROR(item.sequence->cache().advance(item.rows));
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<KvCache>> createCache(const Executor &executor, std::int64_t context,
                                                     const SessionOptions &options) {
  const KvPageLayout layout = KvPageLayout::of(executor.module().facts(), executor.target());
  return KvCache::create(executor.device(), layout, kvLimit(layout, context, options));
}

} // namespace

absl::StatusOr<std::int64_t> contextTokens(const qvlfmt::ModelFacts &facts,
                                           const SessionOptions &options) {
  const std::int64_t tokens = options.maxContext.value_or(facts.max_context());
  if (tokens < 1 || tokens > facts.max_context())
    return absl::InvalidArgumentError(
        absl::StrFormat("a context of %d tokens is asked for, but this artifact was compiled for "
                        "1 to %d (qvl-compile --max-context)",
                        tokens, facts.max_context()));
  return tokens;
}

std::uint64_t kvLimit(const KvPageLayout &layout, std::int64_t context,
                      const SessionOptions &options) {
  if (options.kvMemory)
    return *options.kvMemory;
  // The cache of one context has less than 2^63 bytes (the artifact's verifier).
  const std::uint64_t bytes =
      layout.pageBytes() * static_cast<std::uint64_t>(layout.pagesFor(context));
  std::uint64_t all = 0;
  return __builtin_mul_overflow(bytes, options.sequences, &all) ? UINT64_MAX : all;
}

absl::StatusOr<std::unique_ptr<Session>> Session::create(const Module &module, Device &device,
                                                         const SessionOptions &options) {
  const qvlfmt::ModelFacts &facts = module.facts();
  if (options.prefillChunk < 1 || options.sequences < 1)
    return absl::InvalidArgumentError(
        "prefill-chunk and the number of sequences must be 1 or more");
  QVLRT_ASSIGN_OR_RETURN(const std::int64_t context, contextTokens(facts, options));
  QVLRT_ASSIGN_OR_RETURN(
      std::unique_ptr<Executor> executor,
      Executor::create(module, device, {.target = "", .replay = options.replay}));
  QVLRT_ASSIGN_OR_RETURN(VisionProgram pictures,
                         VisionProgram::create(*executor, VisionFrames::Still));
  QVLRT_ASSIGN_OR_RETURN(VisionProgram videos, VisionProgram::create(*executor));
  QVLRT_ASSIGN_OR_RETURN(LanguageProgram prefill, LanguageProgram::create(*executor, "prefill"));
  QVLRT_ASSIGN_OR_RETURN(LanguageProgram decode, LanguageProgram::create(*executor, "decode"));
  QVLRT_ASSIGN_OR_RETURN(std::unique_ptr<KvCache> cache, createCache(*executor, context, options));
  return std::make_unique<ModelSession>(std::move(executor), std::move(pictures), std::move(videos),
                                        std::move(prefill), std::move(decode), std::move(cache),
                                        context, options);
}

} // namespace qvlrt
