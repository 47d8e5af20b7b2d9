// The checks of language calls: one wrong value, one message.
#include "qvlrt/language_program.h"
#include "qvlrt/status.h"

#include "StatusMatchers.h"

#include <gtest/gtest.h>

namespace qvlrt {
namespace {

/// A call of two sequences on pages of 4 tokens: sequence 0 has 3 tokens and gets 3, sequence 1 is
/// new and gets 2.
struct Operands {
  std::vector<std::int32_t> ids = {5, 6, 7, 8, 9};
  std::vector<std::int32_t> positions = {3, 4, 5, 0, 1, 3, 4, 5, 0, 1, 3, 4, 5, 0, 1};
  std::vector<std::int32_t> featureRows = {-1, 0, 1, -1, -7};
  std::vector<std::int32_t> rowOffsets = {0, 3, 5};
  std::vector<std::int32_t> rowSequence = {0, 0, 0, 1, 1};
  std::vector<std::int32_t> cacheLengths = {3, 0};
  std::vector<std::int32_t> blockTable = {2, 0, 1, 0}; // padded with 0
  std::vector<std::int64_t> slots = {11, 0, 1, 4, 5};
  std::vector<std::int32_t> logitRows = {2, 4, 4};
  LanguageLimits limits{
      .vocabSize = 10, .maxContext = 7, .pageTokens = 4, .pages = 3, .featureRows = 2};

  absl::Status check() const {
    return checkLanguageCall({ids, positions, featureRows, rowOffsets, rowSequence, cacheLengths,
                              blockTable, slots, logitRows},
                             limits);
  }
};

TEST(LanguageCall, AcceptsARaggedBatch) { EXPECT_OK(Operands().check()); }

TEST(LanguageCall, AcceptsASequenceWithoutRows) {
  Operands operands;
  operands.rowOffsets = {0, 5, 5};
  operands.rowSequence = {0, 0, 0, 0, 0};
  operands.cacheLengths = {0, 3};
  operands.slots = {8, 9, 10, 11, 0};
  EXPECT_OK(operands.check());
}

TEST(LanguageCall, AcceptsNoLogits) {
  Operands operands;
  operands.logitRows.clear();
  EXPECT_OK(operands.check());
}

struct CallCase {
  const char *name;
  void (*damage)(Operands &operands);
  const char *message;
};
class LanguageCallChecks : public testing::TestWithParam<CallCase> {};

TEST_P(LanguageCallChecks, Refuse) {
  Operands operands;
  GetParam().damage(operands);
  EXPECT_THAT(operands.check(),
              test::FailsWith(absl::StatusCode::kInvalidArgument, GetParam().message));
}

const CallCase kCases[] = {
    {"NoRows", [](Operands &o) { o.ids.clear(); }, "a language call of 0 rows and 2 sequences"},
    {"NoSequences", [](Operands &o) { o.cacheLengths.clear(); }, "of 5 rows and 0 sequences"},
    {"PositionCount", [](Operands &o) { o.positions.pop_back(); },
     "positions has 14 elements, not 15"},
    {"FeatureRowCount", [](Operands &o) { o.featureRows.pop_back(); },
     "feature_rows has 4 elements, not 5"},
    {"RowOffsetCount", [](Operands &o) { o.rowOffsets.pop_back(); },
     "row_offsets has 2 elements, not 3"},
    {"RowSequenceCount", [](Operands &o) { o.rowSequence.pop_back(); },
     "row_sequence has 4 elements, not 5"},
    {"SlotCount", [](Operands &o) { o.slots.pop_back(); }, "slots has 4 elements, not 5"},
    {"BlockTableCount", [](Operands &o) { o.blockTable.pop_back(); },
     "block_table has 3 elements for 2 sequences"},
    {"NoBlockTable", [](Operands &o) { o.blockTable.clear(); }, "block_table has 0 elements"},
    {"LargeId", [](Operands &o) { o.ids[3] = 10; }, "ids[3] is 10, not in 0 .. 9"},
    {"NegativeId", [](Operands &o) { o.ids[0] = -1; }, "ids[0] is -1, not in 0 .. 9"},
    {"NegativePosition", [](Operands &o) { o.positions[7] = -2; }, "positions[7] is -2"},
    {"FeatureRow", [](Operands &o) { o.featureRows[2] = 2; }, "feature_rows[2] is 2"},
    {"LogitRow", [](Operands &o) { o.logitRows[1] = 5; }, "logit_rows[1] is 5, not in 0 .. 4"},
    {"NegativeLogitRow", [](Operands &o) { o.logitRows[1] = -1; }, "logit_rows[1] is -1"},
    {"OffsetsBegin", [](Operands &o) { o.rowOffsets[0] = 1; }, "row_offsets begins at 1, not 0"},
    {"OffsetsFall", [](Operands &o) { o.rowOffsets = {0, 6, 5}; },
     "row_offsets[2] is 5, below the bound before, 6"},
    {"OffsetsEnd", [](Operands &o) { o.rowOffsets[2] = 4; },
     "row_offsets ends at 4, not at the 5 rows"},
    {"RowSequence", [](Operands &o) { o.rowSequence[2] = 1; },
     "row_sequence[2] is 1, row_offsets say sequence 0"},
    {"NegativeLength", [](Operands &o) { o.cacheLengths[1] = -1; }, "cache_lengths[1] is -1"},
    {"Page", [](Operands &o) { o.blockTable[0] = 3; }, "block_table[0] is 3, not in 0 .. 2"},
    {"NegativePage", [](Operands &o) { o.blockTable[3] = -1; }, "block_table[3] is -1"},
    {"Capacity",
     [](Operands &o) {
       o.blockTable = {2, 1};
       o.limits.maxContext = 100;
     },
     "sequence 0 would have 6 tokens, its row of block_table holds 4"},
    {"LargeSlot", [](Operands &o) { o.slots[4] = 12; }, "slots[4] is 12, not in 0 .. 11"},
    {"NegativeSlot", [](Operands &o) { o.slots[4] = -1; }, "slots[4] is -1"},
    {"OtherSlot", [](Operands &o) { o.slots[0] = 10; },
     "slots[0] is 10, block_table puts the row at 11"},
    {"SharedSlot",
     [](Operands &o) {
       o.blockTable[2] = 0;
       o.slots[3] = 0;
       o.slots[4] = 1;
     },
     "slots hold 0 twice"},
};
INSTANTIATE_TEST_SUITE_P(Values, LanguageCallChecks, testing::ValuesIn(kCases),
                         [](const auto &info) { return std::string(info.param.name); });

TEST(LanguageCall, FullContextIsALimit) {
  Operands operands;
  operands.limits.maxContext = 5;
  absl::Status status = operands.check();
  EXPECT_THAT(status, test::FailsWith(absl::StatusCode::kResourceExhausted,
                                      "sequence 0 would have 6 tokens, the context holds 5"));
  EXPECT_TRUE(isLimitReached(status));
}

} // namespace
} // namespace qvlrt
