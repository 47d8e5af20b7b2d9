// Operands of the language programs for the next rows of several sequences.
#include "BatchOperands.h"

#include "qvlrt/status.h"

#include "absl/strings/str_format.h"

#include <algorithm>
#include <utility>

namespace qvlrt {
namespace {

absl::Status checkBatch(std::span<const BatchItem> batch) {
  if (batch.empty())
    return absl::InvalidArgumentError("a batch needs at least one sequence");
  for (std::size_t b = 0; b < batch.size(); ++b) {
    const BatchItem &item = batch[b];
    if (item.rows < 1 || item.rows > item.sequence->pendingTokens())
      return absl::InvalidArgumentError(
          absl::StrFormat("sequence %d of the batch wants %d rows, but has %d pending tokens", b,
                          item.rows, item.sequence->pendingTokens()));
    for (std::size_t other = 0; other < b; ++other)
      if (batch[other].sequence == item.sequence)
        return absl::InvalidArgumentError("a sequence occurs twice in one batch");
  }
  return absl::OkStatus();
}

void appendRows(const BatchItem &item, std::int32_t number, BatchOperands &operands) {
  const SequenceState &sequence = *item.sequence;
  const std::int64_t begin = sequence.cachedTokens();
  for (std::int64_t i = begin; i < begin + item.rows; ++i) {
    const auto row = static_cast<std::int32_t>(operands.ids.size());
    operands.ids.push_back(static_cast<std::int32_t>(sequence.ids()[i]));
    operands.featureRows.push_back(sequence.featureRow(i));
    operands.rowSequence.push_back(number);
    const bool last = i + 1 == begin + item.rows;
    if (item.logits == LogitRows::All || (item.logits == LogitRows::Last && last))
      operands.logitRows.push_back(row);
  }
  operands.rowOffsets.push_back(static_cast<std::int32_t>(operands.ids.size()));
  operands.cacheLengths.push_back(static_cast<std::int32_t>(begin));
}

void gatherPositions(std::span<const BatchItem> batch, std::vector<std::int32_t> &positions) {
  for (int axis = 0; axis < 3; ++axis)
    for (const BatchItem &item : batch)
      for (std::int64_t i = 0; i < item.rows; ++i)
        positions.push_back(item.sequence->position(axis, item.sequence->cachedTokens() + i));
}

void gatherBlockTable(std::span<const BatchItem> batch, std::vector<std::int32_t> &table) {
  std::size_t width = 0;
  for (const BatchItem &item : batch)
    width = std::max(width, item.sequence->cache().blockTable().size());
  table.resize(batch.size() * width);
  for (std::size_t b = 0; b < batch.size(); ++b)
    std::ranges::copy(batch[b].sequence->cache().blockTable(), table.begin() + b * width);
}

} // namespace

LanguageCall BatchOperands::call() const {
  return {.ids = ids,
          .positions = positions,
          .featureRows = featureRows,
          .rowOffsets = rowOffsets,
          .rowSequence = rowSequence,
          .cacheLengths = cacheLengths,
          .blockTable = blockTable,
          .slots = slots,
          .logitRows = logitRows};
}

void BatchOperands::widenBlockTable(std::int64_t pages) {
  const std::size_t rows = cacheLengths.size(), width = blockTable.size() / rows;
  std::vector<std::int32_t> wide(rows * pages);
  for (std::size_t b = 0; b < rows; ++b)
    std::copy_n(blockTable.begin() + b * width, width, wide.begin() + b * pages);
  blockTable = std::move(wide);
}

absl::StatusOr<BatchOperands> gatherBatch(std::span<const BatchItem> batch) {
  QVLRT_RETURN_IF_ERROR(checkBatch(batch));
  BatchOperands operands;
  for (std::size_t b = 0; b < batch.size(); ++b) {
    KvSequence &cache = batch[b].sequence->cache();
    QVLRT_RETURN_IF_ERROR(cache.reserve(batch[b].rows));
    QVLRT_RETURN_IF_ERROR(cache.slots(batch[b].rows, operands.slots));
    appendRows(batch[b], static_cast<std::int32_t>(b), operands);
  }
  gatherPositions(batch, operands.positions);
  gatherBlockTable(batch, operands.blockTable);
  return operands;
}

} // namespace qvlrt
