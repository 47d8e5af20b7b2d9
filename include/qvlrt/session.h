// A model ready to answer: its programs bound to a device, the KV cache, and sequences that run
// together in ragged batches.
#pragma once

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "qvlrt/device.h"
#include "qvlrt/executor.h"
#include "qvlrt/kv_cache.h"
#include "qvlrt/module.h"
#include "qvlrt/processor.h"
#include "qvlrt/sampling.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace qvlrt {

struct SessionOptions {
  /// Most rows of one sequence in one prefill call. Answers do not depend on it.
  std::int64_t prefillChunk = 512;
  /// Bytes the KV cache may grow to; without it, what `sequences` full contexts need. Memory is
  /// taken page by page as sequences grow.
  std::optional<std::uint64_t> kvMemory;
  /// Tokens of one sequence, at most the artifact's maximum, which is the default.
  std::optional<std::int64_t> maxContext;
  /// Sequences that may be alive at a time.
  std::int64_t sequences = 1;
  /// Replay the work of equal calls as one graph, on devices that can. Answers do not depend on it.
  bool replay = true;
  /// Let the programs choose ids that can, so that logits stay on the device. Answers do not depend
  /// on it but where probabilities agree to rounding (Session::sample()).
  bool sampleOnDevice = true;
};

/// Tokens that a sequence of such a session may have. Error: InvalidArgument for a context that the
/// artifact was not compiled for.
absl::StatusOr<std::int64_t> contextTokens(const qvlfmt::ModelFacts &facts,
                                           const SessionOptions &options);

/// Bytes the KV cache of a session may grow to, `context` being the tokens of one sequence.
std::uint64_t kvLimit(const KvPageLayout &layout, std::int64_t context,
                      const SessionOptions &options);

/// The tokens of one sequence, what the model must know about each, and its part of the cache.
/// Tokens from cachedTokens() on are pending: known, but not yet run. Dies before its session.
class SequenceState {
public:
  /// `request` gives the prompt; its features begin at row `firstFeature` of the session's pool.
  SequenceState(const ProcessedRequest &request, std::int64_t firstFeature, KvSequence cache);

  const std::vector<std::int64_t> &ids() const { return tokenIds; }
  std::int64_t cachedTokens() const { return kv.length(); }
  std::int64_t pendingTokens() const { return tokenIds.size() - kv.length(); }

  /// Adds a generated token, as pending text.
  void append(std::int64_t id);

  /// Position of token `index` on axis 0 (time), 1 (height) or 2 (width).
  std::int32_t position(int axis, std::int64_t index) const;
  /// Row of the feature pool that replaces the embedding of token `index`, -1 for text.
  std::int32_t featureRow(std::int64_t index) const;

  KvSequence &cache() { return kv; }
  const KvSequence &cache() const { return kv; }

private:
  std::vector<std::int64_t> tokenIds;
  std::vector<std::int32_t> promptPositions; // [3, promptTokens]
  std::vector<std::int32_t> featureRows;     // [promptTokens]
  std::int64_t promptTokens;
  std::int64_t ropeDelta;
  KvSequence kv;
};

/// The rows of a call whose logits are wanted.
enum class LogitRows { None, Last, All };

/// One sequence's share of a step: its next `rows` pending tokens.
struct BatchItem {
  SequenceState *sequence = nullptr;
  std::int64_t rows = 0; // 1 to pendingTokens()
  LogitRows logits = LogitRows::Last;
};

/// One call of a program, for profiles.
struct ProgramRun {
  std::string_view program;  // "vision", "vision_still", "prefill", "decode"
  double startMicros = 0;    // since the session was created
  double durationMicros = 0; // planning, binding and commands
  std::vector<CommandRecord> commands;
};

/// Not thread-safe. Module and device must outlive it.
class Session {
public:
  /// Loads kernels and programs. Errors: those of Executor::create; InvalidArgument (options).
  static absl::StatusOr<std::unique_ptr<Session>> create(const Module &module, Device &device,
                                                         const SessionOptions &options = {});
  virtual ~Session() = default;

  virtual const qvlfmt::ModelFacts &facts() const = 0;
  virtual std::int64_t maxContext() const = 0;
  virtual std::int64_t prefillChunk() const = 0;

  /// Runs the vision program on the images and then on the videos of a request and returns the
  /// first of their rows in the feature pool. Rows stay until clearFeatures().
  virtual absl::StatusOr<std::int64_t> encodeMedia(const ProcessedRequest &request) = 0;
  /// f32 [count, hidden_size], rows of the feature pool.
  virtual absl::StatusOr<std::vector<float>> readFeatures(std::int64_t first,
                                                          std::int64_t count) = 0;
  /// Forgets all features; no sequence that uses them may have pending tokens of its prompt.
  virtual void clearFeatures() = 0;

  /// A sequence with the prompt pending. Error: limitReached() for a prompt beyond the context.
  virtual absl::StatusOr<SequenceState> newSequence(const ProcessedRequest &request,
                                                    std::int64_t firstFeature) = 0;

  /// Runs the next rows of B >= 1 sequences, each at most once in the batch, as one call and
  /// appends the wanted rows of V f32 logits to `logits`, in the order of the batch. No row's
  /// value depends on the other sequences, on chunk sizes or on the number of threads. On error no
  /// sequence has advanced. Errors: InvalidArgument (the batch), limitReached() (cache or
  /// context), ResourceExhausted.
  virtual absl::Status step(std::span<const BatchItem> batch, std::vector<float> &logits) = 0;

  /// Whether sample() works: the decode program chooses ids, and the options let it.
  virtual bool samplesOnDevice() const = 0;
  /// A step of one row of each sequence, behind which the device chooses an id by the operands of
  /// the same place in `sampling`; appended to `ids`. Logits are copied where `logits` is not null,
  /// as by step(). The ids are those that Sampler::next() chooses, but where the draw, or the
  /// border of top-p, lies within the rounding of the host's f32 sums of the border between two
  /// ids. Errors: those of step(); FailedPrecondition unless samplesOnDevice().
  virtual absl::Status sample(std::span<const BatchItem> batch,
                              std::span<const SamplingOperands> sampling,
                              std::vector<std::int64_t> &ids, std::vector<float> *logits) = 0;

  /// Appends every later program call to `runs`; null stops that.
  virtual void profileInto(std::vector<ProgramRun> *runs) = 0;

  /// Bytes held now: arena of transient buffers, pages of the cache.
  virtual std::uint64_t arenaBytes() const = 0;
  virtual std::uint64_t kvBytes() const = 0;
};

} // namespace qvlrt
