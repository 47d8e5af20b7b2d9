// The checks of a language call before launch: kernels index memory with these values.
#include "qvlrt/language_program.h"

#include "OperandChecks.h"
#include "qvlrt/status.h"

#include "absl/strings/str_cat.h"

#include <algorithm>

namespace qvlrt {

namespace {

/// A call whose shapes are good.
class LanguageCallChecker {
public:
  LanguageCallChecker(const LanguageCall &call, const LanguageLimits &limits)
      : call(call), limits(limits), rows(std::ssize(call.ids)),
        sequences(std::ssize(call.cacheLengths)) {}

  absl::Status checkShapes() const;
  absl::Status checkRows() const;
  absl::Status checkSequences() const;
  absl::Status checkSlots() const;

private:
  std::int64_t pagesPerSequence() const { return std::ssize(call.blockTable) / sequences; }
  absl::Status checkSequence(std::int64_t sequence) const;
  absl::Status checkDistinctSlots() const;

  const LanguageCall &call;
  const LanguageLimits &limits;
  std::int64_t rows;      // T
  std::int64_t sequences; // B
};

absl::Status LanguageCallChecker::checkShapes() const {
  if (rows == 0 || sequences == 0)
    return absl::InvalidArgumentError(
        absl::StrCat("a language call of ", rows, " rows and ", sequences, " sequences"));
  if (rows > INT32_MAX / 3)
    return absl::InvalidArgumentError(absl::StrCat("a language call of ", rows, " rows"));
  QVLRT_RETURN_IF_ERROR(checkCount("positions", call.positions.size(), 3 * rows));
  QVLRT_RETURN_IF_ERROR(checkCount("feature_rows", call.featureRows.size(), rows));
  QVLRT_RETURN_IF_ERROR(checkCount("row_offsets", call.rowOffsets.size(), sequences + 1));
  QVLRT_RETURN_IF_ERROR(checkCount("row_sequence", call.rowSequence.size(), rows));
  QVLRT_RETURN_IF_ERROR(checkCount("slots", call.slots.size(), rows));
  if (call.blockTable.empty() || std::ssize(call.blockTable) % sequences != 0)
    return absl::InvalidArgumentError(absl::StrCat("block_table has ", call.blockTable.size(),
                                                   " elements for ", sequences, " sequences"));
  return absl::OkStatus();
}

absl::Status LanguageCallChecker::checkRows() const {
  QVLRT_RETURN_IF_ERROR(checkValues("ids", call.ids, 0, limits.vocabSize - 1));
  QVLRT_RETURN_IF_ERROR(checkValues("positions", call.positions, 0, INT32_MAX));
  QVLRT_RETURN_IF_ERROR(
      checkValues("feature_rows", call.featureRows, INT32_MIN, limits.featureRows - 1));
  return checkValues("logit_rows", call.logitRows, 0, rows - 1);
}

absl::Status LanguageCallChecker::checkSequence(std::int64_t sequence) const {
  std::int64_t begin = call.rowOffsets[sequence];
  std::int64_t end = call.rowOffsets[sequence + 1];
  for (std::int64_t row = begin; row < end; ++row)
    if (call.rowSequence[row] != sequence)
      return absl::InvalidArgumentError(absl::StrCat("row_sequence[", row, "] is ",
                                                     call.rowSequence[row],
                                                     ", row_offsets say sequence ", sequence));
  std::int64_t length = call.cacheLengths[sequence];
  if (length < 0)
    return operandOutOfRange("cache_lengths", sequence, length, 0, limits.maxContext);
  if (length + (end - begin) > limits.maxContext)
    return limitReached(absl::StrCat("sequence ", sequence, " would have ", length + (end - begin),
                                     " tokens, the context holds ", limits.maxContext,
                                     "; shorten the input or compile with a larger --max-context"));
  std::int64_t capacity = pagesPerSequence() * limits.pageTokens;
  if (length + (end - begin) > capacity)
    return absl::InvalidArgumentError(
        absl::StrCat("sequence ", sequence, " would have ", length + (end - begin),
                     " tokens, its row of block_table holds ", capacity));
  return absl::OkStatus();
}

absl::Status LanguageCallChecker::checkSequences() const {
  QVLRT_RETURN_IF_ERROR(checkSegments("row_offsets", call.rowOffsets, rows));
  // The padding too: kernels may read a whole row.
  QVLRT_RETURN_IF_ERROR(checkValues("block_table", call.blockTable, 0, limits.pages - 1));
  for (std::int64_t sequence = 0; sequence < sequences; ++sequence)
    QVLRT_RETURN_IF_ERROR(checkSequence(sequence));
  return absl::OkStatus();
}

absl::Status LanguageCallChecker::checkDistinctSlots() const {
  std::vector<std::int64_t> sorted(call.slots.begin(), call.slots.end());
  std::sort(sorted.begin(), sorted.end());
  auto twin = std::adjacent_find(sorted.begin(), sorted.end());
  if (twin != sorted.end())
    return absl::InvalidArgumentError(absl::StrCat("slots hold ", *twin, " twice"));
  return absl::OkStatus();
}

absl::Status LanguageCallChecker::checkSlots() const {
  std::int64_t poolSlots = limits.pages * limits.pageTokens;
  for (std::int64_t row = 0; row < rows; ++row) {
    std::int64_t slot = call.slots[row];
    if (slot < 0 || slot >= poolSlots)
      return operandOutOfRange("slots", row, slot, 0, poolSlots - 1);
    // Attention finds the row through the block table, so both must name the same place.
    std::int64_t sequence = call.rowSequence[row];
    std::int64_t token = call.cacheLengths[sequence] + row - call.rowOffsets[sequence];
    std::int64_t page = call.blockTable[sequence * pagesPerSequence() + token / limits.pageTokens];
    std::int64_t expected = page * limits.pageTokens + token % limits.pageTokens;
    if (slot != expected)
      return absl::InvalidArgumentError(
          absl::StrCat("slots[", row, "] is ", slot, ", block_table puts the row at ", expected));
  }
  return checkDistinctSlots();
}

} // namespace

absl::Status checkLanguageCall(const LanguageCall &call, const LanguageLimits &limits) {
  LanguageCallChecker checker(call, limits);
  QVLRT_RETURN_IF_ERROR(checker.checkShapes());
  QVLRT_RETURN_IF_ERROR(checker.checkRows());
  QVLRT_RETURN_IF_ERROR(checker.checkSequences());
  return checker.checkSlots();
}

} // namespace qvlrt
