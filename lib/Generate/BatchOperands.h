// Operands of the language programs for the next rows of several sequences.
#pragma once

#include "absl/status/statusor.h"
#include "qvlrt/language_program.h"
#include "qvlrt/session.h"

#include <cstdint>
#include <span>
#include <vector>

namespace qvlrt {

/// Owns what a LanguageCall points to. Rows of a sequence are neighbours, in order.
struct BatchOperands {
  std::vector<std::int32_t> ids;
  std::vector<std::int32_t> positions; // [3, T]
  std::vector<std::int32_t> featureRows;
  std::vector<std::int32_t> rowOffsets{0};
  std::vector<std::int32_t> rowSequence;
  std::vector<std::int32_t> cacheLengths;
  std::vector<std::int32_t> blockTable; // [B, pages]
  std::vector<std::int64_t> slots;
  std::vector<std::int32_t> logitRows;

  LanguageCall call() const;

  /// True when every sequence runs one row: the shape of the decode program.
  bool isDecode() const { return ids.size() + 1 == rowOffsets.size(); }

  /// Pads each row of the block table to `pages`, which are at least those that it has.
  void widenBlockTable(std::int64_t pages);
};

/// Reserves the cache pages of the batch's rows and lays out the operands; lengths do not change.
/// Errors: InvalidArgument for an empty batch, a sequence that occurs twice or has fewer pending
/// tokens than rows; those of KvSequence::reserve.
absl::StatusOr<BatchOperands> gatherBatch(std::span<const BatchItem> batch);

} // namespace qvlrt
