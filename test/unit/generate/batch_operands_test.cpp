// The operands of ragged batches.
#include "lib/Generate/BatchOperands.h"

#include "qvlrt/null_device.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace qvlrt {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class BatchOperandsTest : public ::testing::Test {
protected:
  static constexpr std::int64_t kPageTokens = 4;

  /// A text of `count` tokens with ids from `firstId`.
  static ProcessedRequest text(std::int64_t count, std::int64_t firstId) {
    ProcessedRequest request;
    for (std::int64_t i = 0; i < count; ++i)
      request.ids.push_back(firstId + i);
    for (int axis = 0; axis < 3; ++axis)
      for (std::int64_t i = 0; i < count; ++i)
        request.positions.push_back(static_cast<std::int32_t>(100 * axis + i));
    request.featureRows.assign(count, -1);
    return request;
  }

  SequenceState sequence(const ProcessedRequest &request, std::int64_t firstFeature = 0) {
    return SequenceState(request, firstFeature, cache->newSequence(64));
  }

  /// Runs `rows` tokens of a sequence as far as the cache is concerned.
  static void pretendRun(SequenceState &sequence, std::int64_t rows) {
    ASSERT_TRUE(sequence.cache().reserve(rows).ok());
    ASSERT_TRUE(sequence.cache().advance(rows).ok());
  }

  std::unique_ptr<Device> device = createNullDevice();
  std::unique_ptr<KvCache> cache =
      *KvCache::create(*device, KvPageLayout{kPageTokens, 1024, qvlfmt::ElementType::F32}, 1 << 20);
};

TEST_F(BatchOperandsTest, RowsOfASequenceAreNeighbours) {
  SequenceState first = sequence(text(6, 10));
  SequenceState second = sequence(text(3, 50));
  pretendRun(first, 4);
  const BatchItem batch[] = {{&first, 2, LogitRows::Last}, {&second, 3, LogitRows::All}};
  const BatchOperands operands = *gatherBatch(batch);
  EXPECT_THAT(operands.ids, ElementsAre(14, 15, 50, 51, 52));
  EXPECT_THAT(operands.rowOffsets, ElementsAre(0, 2, 5));
  EXPECT_THAT(operands.rowSequence, ElementsAre(0, 0, 1, 1, 1));
  EXPECT_THAT(operands.cacheLengths, ElementsAre(4, 0));
  EXPECT_THAT(operands.logitRows, ElementsAre(1, 2, 3, 4));
  EXPECT_THAT(operands.positions,
              ElementsAre(4, 5, 0, 1, 2, 104, 105, 100, 101, 102, 204, 205, 200, 201, 202));
  EXPECT_FALSE(operands.isDecode());
}

TEST_F(BatchOperandsTest, BlockTableIsPaddedAndSlotsFollowIt) {
  SequenceState first = sequence(text(6, 10));
  SequenceState second = sequence(text(3, 50));
  pretendRun(first, 4);
  const BatchItem batch[] = {{&first, 2, LogitRows::None}, {&second, 1, LogitRows::None}};
  const BatchOperands operands = *gatherBatch(batch);
  const auto firstTable = first.cache().blockTable(), secondTable = second.cache().blockTable();
  ASSERT_EQ(firstTable.size(), 2u);
  ASSERT_EQ(secondTable.size(), 1u);
  EXPECT_THAT(operands.blockTable, ElementsAre(firstTable[0], firstTable[1], secondTable[0], 0));
  EXPECT_THAT(operands.slots,
              ElementsAre(firstTable[1] * kPageTokens, firstTable[1] * kPageTokens + 1,
                          secondTable[0] * kPageTokens));
  EXPECT_THAT(operands.logitRows, IsEmpty());
}

TEST_F(BatchOperandsTest, GeneratedTokensContinueThePositions) {
  ProcessedRequest request = text(3, 10);
  request.ropeDelta = -2;
  request.featureRows = {-1, 0, -1};
  SequenceState state = sequence(request, /*firstFeature=*/7);
  EXPECT_EQ(state.featureRow(1), 7);
  pretendRun(state, 3);
  state.append(99);
  const BatchItem item{&state, 1, LogitRows::Last};
  const BatchOperands operands = *gatherBatch({&item, 1});
  EXPECT_TRUE(operands.isDecode());
  EXPECT_THAT(operands.ids, ElementsAre(99));
  EXPECT_THAT(operands.positions, ElementsAre(1, 1, 1));
  EXPECT_THAT(operands.featureRows, ElementsAre(-1));
}

TEST_F(BatchOperandsTest, ImpossibleBatchesAreRefused) {
  SequenceState state = sequence(text(3, 10));
  EXPECT_FALSE(gatherBatch({}).ok());
  const BatchItem tooMany{&state, 4, LogitRows::Last}, none{&state, 0, LogitRows::Last};
  EXPECT_FALSE(gatherBatch({&tooMany, 1}).ok());
  EXPECT_FALSE(gatherBatch({&none, 1}).ok());
  const BatchItem twice[] = {{&state, 1, LogitRows::Last}, {&state, 1, LogitRows::Last}};
  EXPECT_FALSE(gatherBatch(twice).ok());
  EXPECT_EQ(state.cachedTokens(), 0);
}

} // namespace
} // namespace qvlrt
