// Calls of the programs "prefill" and "decode".
#pragma once

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "qvlrt/executor.h"
#include "qvlrt/kv_cache.h"
#include "qvlrt/operand_staging.h"

#include <cstdint>
#include <span>
#include <vector>

namespace qvlrt {

/// Operands of one call on a ragged batch: T rows of B sequences, row_offsets[b] .. row_offsets[b +
/// 1] being the new rows of sequence b in order. A single request is B = 1. All in host memory
/// except the features and the cache.
struct LanguageCall {
  std::span<const std::int32_t> ids;       // [T] token ids
  std::span<const std::int32_t> positions; // [3, T] temporal, height, width
  std::span<const std::int32_t>
      featureRows; // [T] row of the feature pool; negative: use the embedding
  std::span<const std::int32_t> rowOffsets;   // [B + 1]
  std::span<const std::int32_t> rowSequence;  // [T] sequence of each row
  std::span<const std::int32_t> cacheLengths; // [B] tokens in the cache before this call
  std::span<const std::int32_t> blockTable;   // [B, pages of a sequence], padded with 0
  std::span<const std::int64_t> slots; // [T] page * page size + offset: where K and V of the row go
  std::span<const std::int32_t> logitRows; // [R] rows whose logits are wanted
  /// How the ids behind those rows are chosen (include/qvlfmt/Sampling.h); empty, or where
  /// LanguageProgram::choosesIds().
  std::span<const float> sampling;     // [R, kSamplingSettings]
  std::span<const std::int32_t> seen;  // [R, seenWords(vocab_size)]
  std::span<const std::int64_t> draws; // [R]
};

/// What the values of a call are checked against.
struct LanguageLimits {
  std::int64_t vocabSize = 0;
  std::int64_t maxContext = 0;  // tokens of one sequence
  std::int64_t pageTokens = 0;  // tokens of one page
  std::int64_t pages = 0;       // pages of the pool that have memory
  std::int64_t featureRows = 0; // rows of the feature pool
};

/// Checks shapes and values of a call, in O(T log T). Kernels trust what passes here.
/// Error: InvalidArgument, naming the operand, the element, its value and the bound; limitReached()
/// when a sequence would outgrow the context.
absl::Status checkLanguageCall(const LanguageCall &call, const LanguageLimits &limits);

/// One language entry point of an executor: checks, binds, runs.
class LanguageProgram {
public:
  /// `name` is "prefill" or "decode". Error: NotFound.
  static absl::StatusOr<LanguageProgram> create(Executor &executor, std::string_view name);

  /// Runs the call on `cache` and writes f32 logits [R, vocab_size] into `logits` and the chosen
  /// ids [R] into `ids`; sizes are checked. With ids, logits may be empty and then stay on the
  /// device; without, the call need not say how to choose. `features` f32 [F, hidden_size] is the
  /// feature pool; F may be 0. The lengths of sequences are the caller's to advance after success.
  absl::Status run(const LanguageCall &call, DeviceRange features, std::int64_t featureCount,
                   const KvCache &cache, std::span<float> logits,
                   std::vector<CommandRecord> *records = nullptr, std::span<std::int32_t> ids = {});

  /// Arena bytes of a call with these sizes, without running.
  absl::StatusOr<std::uint64_t> planMemory(std::int64_t rows, std::int64_t sequences,
                                           std::int64_t pagesPerSequence, std::int64_t poolPages,
                                           std::int64_t logitRows, std::int64_t featureCount) const;

  /// Whether calls for equally many sequences should have equal shapes, so that a device replays
  /// one recording for all of them: the block table then has a column for each page of the context
  /// and the cache is passed with all pages that it may ever have. It holds for "decode" on a GPU.
  bool keepsShapes() const { return fixed; }

  /// Whether the program has the result `ids`.
  bool choosesIds() const { return chooses; }

private:
  LanguageProgram(Executor &executor, std::uint32_t program, bool fixed, bool chooses)
      : executor(&executor), program(program), fixed(fixed), chooses(chooses),
        staging(executor.device()) {}

  /// Copies what is wanted of the results of a call with `rows` rows of logits.
  absl::Status readResults(std::span<const DeviceTensor> results, std::int64_t rows,
                           std::span<float> logits, std::span<std::int32_t> ids) const;
  absl::Status readBack(std::span<std::byte> to, DeviceRange from) const;

  Executor *executor; // borrowed
  std::uint32_t program;
  bool fixed, chooses;
  OperandStaging staging;
};

} // namespace qvlrt
