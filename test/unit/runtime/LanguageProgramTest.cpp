// The language entry points end to end, on the kernel tiny_language: chunks, batches and pages do
// not change the answer.
#include "qvlrt/cpu_device.h"
#include "qvlrt/language_program.h"

#include "StatusMatchers.h"
#include "TestArtifacts.h"

#include <algorithm>
#include <gtest/gtest.h>
#include <numeric>

namespace qvlrt {
namespace {

/// New tokens of one sequence in a call.
struct NewRows {
  KvSequence *sequence;
  std::vector<std::int32_t> ids;
};

class LanguageProgramTest : public testing::Test {
protected:
  void SetUp() override {
    module = test::openArtifact(test::testArtifact());
    device = *createCpuDevice({.threads = 2, .features = "v3"});
    executor = *Executor::create(*module, *device);
    layout = KvPageLayout::of(module->facts(), *module->artifact().targets()->Get(0));
    cache = *KvCache::create(*device, layout, 10 * layout.pageBytes());
  }

  /// Runs one call and returns column 0 of the logits of all its rows: the sum of each row's
  /// context.
  absl::StatusOr<std::vector<float>> call(LanguageProgram &program, std::span<NewRows> batch,
                                          std::span<const std::int32_t> featureRows = {},
                                          DeviceRange features = {},
                                          std::int64_t featureCount = 0) {
    std::vector<std::int32_t> ids, offsets = {0}, owner, lengths, logitRows;
    std::vector<std::int64_t> slots;
    std::size_t width = 1;
    for (NewRows &rows : batch) {
      std::int64_t count = std::ssize(rows.ids);
      if (absl::Status status = rows.sequence->reserve(count); !status.ok())
        return status;
      EXPECT_OK(rows.sequence->slots(count, slots));
      ids.insert(ids.end(), rows.ids.begin(), rows.ids.end());
      owner.insert(owner.end(), count, static_cast<std::int32_t>(lengths.size()));
      lengths.push_back(static_cast<std::int32_t>(rows.sequence->length()));
      offsets.push_back(static_cast<std::int32_t>(ids.size()));
      width = std::max(width, rows.sequence->blockTable().size());
    }
    std::vector<std::int32_t> table(batch.size() * width, 0);
    for (std::size_t b = 0; b < batch.size(); ++b)
      std::ranges::copy(batch[b].sequence->blockTable(), table.begin() + b * width);
    std::vector<std::int32_t> positions(3 * ids.size(), 0), embeddings(ids.size(), -1);
    logitRows.resize(ids.size());
    std::iota(logitRows.begin(), logitRows.end(), 0);
    std::vector<float> logits(ids.size() * test::kVocab);
    absl::Status status =
        program.run({ids, positions,
                     featureRows.empty() ? std::span<const std::int32_t>(embeddings) : featureRows,
                     offsets, owner, lengths, table, slots, logitRows},
                    features, featureCount, *cache, logits);
    if (!status.ok())
      return status;
    std::vector<float> sums;
    for (std::size_t row = 0; row < ids.size(); ++row) {
      EXPECT_EQ(logits[row * test::kVocab + 7], logits[row * test::kVocab] + 7);
      sums.push_back(logits[row * test::kVocab]);
    }
    for (NewRows &rows : batch)
      EXPECT_OK(rows.sequence->advance(std::ssize(rows.ids)));
    return sums;
  }

  std::unique_ptr<Module> module;
  std::unique_ptr<Device> device;
  std::unique_ptr<Executor> executor;
  KvPageLayout layout;
  std::unique_ptr<KvCache> cache;
};

/// 1, 2, ... and the sums of its prefixes.
std::vector<std::int32_t> firstIds(int count) {
  std::vector<std::int32_t> ids(count);
  std::iota(ids.begin(), ids.end(), 1);
  return ids;
}
std::vector<float> prefixSums(std::span<const std::int32_t> ids) {
  std::vector<float> sums;
  float sum = 0;
  for (std::int32_t id : ids)
    sums.push_back(sum += static_cast<float>(id));
  return sums;
}

TEST_F(LanguageProgramTest, ChunksGiveTheRowsOfOnePrefill) {
  std::vector<std::int32_t> ids = firstIds(37);
  LanguageProgram prefill = *LanguageProgram::create(*executor, "prefill");
  for (std::size_t chunk : {1, 7, 16, 512}) {
    KvSequence sequence = cache->newSequence(test::kMaxContext);
    std::vector<float> sums;
    for (std::size_t begin = 0; begin < ids.size(); begin += chunk) {
      std::size_t end = std::min(begin + chunk, ids.size());
      NewRows rows[] = {{&sequence, {ids.begin() + begin, ids.begin() + end}}};
      absl::StatusOr<std::vector<float>> part = call(prefill, rows);
      ASSERT_OK(part.status());
      sums.insert(sums.end(), part->begin(), part->end());
    }
    EXPECT_EQ(sums, prefixSums(ids)) << "chunk " << chunk;
    EXPECT_EQ(sequence.length(), 37);
  }
}

TEST_F(LanguageProgramTest, SequencesOfABatchKeepApart) {
  LanguageProgram prefill = *LanguageProgram::create(*executor, "prefill");
  LanguageProgram decode = *LanguageProgram::create(*executor, "decode");
  KvSequence first = cache->newSequence(test::kMaxContext);
  KvSequence second = cache->newSequence(test::kMaxContext);
  NewRows prompts[] = {{&first, firstIds(20)}, {&second, {100}}};
  ASSERT_OK(call(prefill, prompts).status());
  for (int step = 0; step < 18; ++step) {
    NewRows next[] = {{&second, {2}}, {&first, {1}}};
    absl::StatusOr<std::vector<float>> sums = call(decode, next);
    ASSERT_OK(sums.status());
    EXPECT_EQ((*sums)[0], 100 + 2 * (step + 1));
    EXPECT_EQ((*sums)[1], 210 + step + 1);
  }
}

TEST_F(LanguageProgramTest, ReadsRowsOfTheFeaturePool) {
  LanguageProgram prefill = *LanguageProgram::create(*executor, "prefill");
  std::vector<float> pool(3 * test::kHidden, 0);
  pool[2 * test::kHidden] = 0.25f;
  DeviceBuffer features = *DeviceBuffer::copyOf(*device, std::as_bytes(std::span(pool)));
  KvSequence sequence = cache->newSequence(test::kMaxContext);
  NewRows rows[] = {{&sequence, {1, 292, 2}}};
  const std::int32_t featureRows[] = {-1, 2, -1};
  absl::StatusOr<std::vector<float>> sums = call(prefill, rows, featureRows, features.range(), 3);
  ASSERT_OK(sums.status());
  EXPECT_EQ(*sums, (std::vector<float>{1, 1.25f, 3.25f}));
}

TEST_F(LanguageProgramTest, ChecksBeforeItRuns) {
  LanguageProgram prefill = *LanguageProgram::create(*executor, "prefill");
  KvSequence sequence = cache->newSequence(test::kMaxContext);
  NewRows large[] = {{&sequence, {1, test::kVocab}}};
  EXPECT_THAT(call(prefill, large).status(),
              test::FailsWith(absl::StatusCode::kInvalidArgument, "ids[1] is 300"));
  NewRows rows[] = {{&sequence, {1}}};
  const std::int32_t noPool[] = {0};
  EXPECT_THAT(call(prefill, rows, noPool).status(),
              test::FailsWith(absl::StatusCode::kInvalidArgument, "feature_rows[0] is 0"));
  EXPECT_EQ(executor->arenaBytes(), 0u);
}

TEST_F(LanguageProgramTest, ChecksTheSizeOfTheLogits) {
  LanguageProgram prefill = *LanguageProgram::create(*executor, "prefill");
  KvSequence sequence = cache->newSequence(test::kMaxContext);
  ASSERT_OK(sequence.reserve(1));
  const std::int32_t id[] = {1}, positions[] = {0, 0, 0}, none[] = {-1}, offsets[] = {0, 1},
                     zero[] = {0};
  const std::int64_t slot[] = {0};
  std::vector<float> logits(test::kVocab - 1);
  EXPECT_THAT(
      prefill.run({id, positions, none, offsets, zero, zero, sequence.blockTable(), slot, zero}, {},
                  0, *cache, logits),
      test::FailsWith(absl::StatusCode::kInvalidArgument, "logits has 299 elements, not 300"));
}

TEST_F(LanguageProgramTest, PlansWithoutRunning) {
  LanguageProgram prefill = *LanguageProgram::create(*executor, "prefill");
  absl::StatusOr<std::uint64_t> bytes = prefill.planMemory(512, 1, 32, 32, 2, 0);
  ASSERT_OK(bytes.status());
  EXPECT_EQ(*bytes, (2u * test::kVocab * sizeof(float) + 63) / 64 * 64);
}

TEST_F(LanguageProgramTest, AcceptsAProgramWithoutResultsUntilTheyAreWanted) {
  qvlfmt::ArtifactT artifact = test::testArtifact();
  artifact.targets[0]->programs[2]->results.clear();
  artifact.targets[0]->programs[2]->result_names.clear();
  cache.reset();
  executor.reset();
  module = test::openArtifact(std::move(artifact));
  executor = *Executor::create(*module, *device);
  cache = *KvCache::create(*device, layout, 10 * layout.pageBytes());
  absl::StatusOr<LanguageProgram> prefill = LanguageProgram::create(*executor, "prefill");
  ASSERT_OK(prefill.status());
  EXPECT_FALSE(prefill->choosesIds());
  KvSequence sequence = cache->newSequence(test::kMaxContext);
  NewRows rows[] = {{&sequence, {1}}};
  EXPECT_THAT(call(*prefill, rows).status(), test::FailsWith(absl::StatusCode::kInvalidArgument,
                                                             "the program has no result logits"));
}

} // namespace
} // namespace qvlrt
