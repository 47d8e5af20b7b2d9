// Pages, sequences and limits of the KV cache.
#include "qvlrt/kv_cache.h"
#include "qvlrt/null_device.h"
#include "qvlrt/status.h"

#include "StatusMatchers.h"
#include "TestArtifacts.h"

#include <algorithm>
#include <cstring>
#include <gtest/gtest.h>
#include <random>
#include <set>

namespace qvlrt {
namespace {

using test::FailsWith;
constexpr auto kExhausted = absl::StatusCode::kResourceExhausted;

// A page of 4 tokens whose 1200 bytes are no multiple of a memory page.
constexpr KvPageLayout kLayout{4, 300, qvlfmt::ElementType::F32};

class KvCacheTest : public testing::Test {
protected:
  std::unique_ptr<KvCache> makeCache(std::int64_t pages) {
    absl::StatusOr<std::unique_ptr<KvCache>> cache =
        KvCache::create(*device, kLayout, pages * kLayout.pageBytes() + 100);
    EXPECT_OK(cache.status());
    EXPECT_EQ((*cache)->maxPages(), pages);
    return *std::move(cache);
  }

  static std::span<float> pageData(const KvCache &cache, std::int32_t page) {
    return {static_cast<float *>(cache.tensor().data.pointer()) + page * kLayout.pageElements,
            static_cast<std::size_t>(kLayout.pageElements)};
  }
  static bool isZero(std::span<const float> values) {
    return std::all_of(values.begin(), values.end(), [](float value) { return value == 0; });
  }

  std::unique_ptr<Device> device = createNullDevice();
};

TEST_F(KvCacheTest, LayoutFollowsTheModel) {
  std::unique_ptr<Module> module = test::openArtifact(test::testArtifact());
  KvPageLayout layout = KvPageLayout::of(module->facts(), *module->artifact().targets()->Get(0));
  EXPECT_EQ(layout.pageTokens, 16);
  EXPECT_EQ(layout.pageElements, 2 * 2 * 1 * 16 * 4);
  EXPECT_EQ(layout.pageBytes(), 1024u);
  EXPECT_EQ(layout.pagesFor(0), 0);
  EXPECT_EQ(layout.pagesFor(16), 1);
  EXPECT_EQ(layout.pagesFor(17), 2);
}

TEST_F(KvCacheTest, LayoutFollowsTheTarget) {
  qvlfmt::ArtifactT artifact = test::testArtifact();
  artifact.targets[0]->kv_element = qvlfmt::ElementType::BF16;
  std::unique_ptr<Module> module = test::openArtifact(std::move(artifact));
  KvPageLayout layout = KvPageLayout::of(module->facts(), *module->artifact().targets()->Get(0));
  EXPECT_EQ(layout.element, qvlfmt::ElementType::BF16);
  EXPECT_EQ(layout.pageBytes(), 512u);
}

TEST_F(KvCacheTest, GrowsByPage) {
  std::unique_ptr<KvCache> cache = makeCache(100);
  EXPECT_EQ(device->memory().allocated, 0u);
  KvSequence sequence = cache->newSequence(1000);
  ASSERT_OK(sequence.reserve(5));
  EXPECT_EQ(cache->committedPages(), 2);
  EXPECT_EQ(cache->committedBytes(), 2400u);
  EXPECT_EQ(device->memory().allocated, 4096u); // whole memory pages
  EXPECT_EQ(cache->tensor().dims, (Shape{2, 300}));
  EXPECT_EQ(cache->tensor().data.bytes, 2400u);
  const void *base = cache->tensor().data.pointer();
  ASSERT_OK(sequence.advance(5));
  ASSERT_OK(sequence.reserve(100));
  EXPECT_EQ(cache->committedPages(), 27);
  EXPECT_EQ(cache->tensor().data.pointer(), base);
}

TEST_F(KvCacheTest, SlotsFollowTheBlockTable) {
  std::unique_ptr<KvCache> cache = makeCache(10);
  KvSequence first = cache->newSequence(100), second = cache->newSequence(100);
  ASSERT_OK(first.reserve(3));
  ASSERT_OK(second.reserve(1));
  ASSERT_OK(first.advance(3));
  ASSERT_OK(first.reserve(3));
  EXPECT_EQ(std::vector(first.blockTable().begin(), first.blockTable().end()),
            (std::vector<std::int32_t>{0, 2}));
  std::vector<std::int64_t> slots;
  ASSERT_OK(first.slots(3, slots));
  ASSERT_OK(second.slots(1, slots));
  EXPECT_EQ(slots, (std::vector<std::int64_t>{3, 8, 9, 4}));
}

TEST_F(KvCacheTest, SlotsAndAdvanceNeedReservedPages) {
  std::unique_ptr<KvCache> cache = makeCache(10);
  KvSequence sequence = cache->newSequence(100);
  ASSERT_OK(sequence.reserve(3));
  std::vector<std::int64_t> slots;
  EXPECT_THAT(sequence.slots(5, slots),
              FailsWith(absl::StatusCode::kInvalidArgument,
                        "slots of 5 tokens after 0 with 1 pages reserved"));
  EXPECT_THAT(sequence.advance(5), FailsWith(absl::StatusCode::kInvalidArgument, "advance by 5"));
  EXPECT_THAT(sequence.advance(-1), FailsWith(absl::StatusCode::kInvalidArgument, "advance by -1"));
  EXPECT_THAT(sequence.reserve(-1), FailsWith(absl::StatusCode::kInvalidArgument, "reserve of -1"));
  EXPECT_TRUE(slots.empty());
  EXPECT_EQ(sequence.length(), 0);
}

TEST_F(KvCacheTest, FullPoolNamesTheNeededBytesAndChangesNothing) {
  std::unique_ptr<KvCache> cache = makeCache(3);
  KvSequence first = cache->newSequence(100), second = cache->newSequence(100);
  ASSERT_OK(first.reserve(8));
  absl::Status status = second.reserve(8);
  EXPECT_THAT(status, FailsWith(kExhausted, "2 of 3 pages are in use and 2 more are needed, 4800 "
                                            "bytes in all; raise --kv-memory"));
  EXPECT_TRUE(isLimitReached(status));
  EXPECT_TRUE(second.blockTable().empty());
  EXPECT_EQ(cache->usedPages(), 2);
  EXPECT_OK(second.reserve(4));
}

TEST_F(KvCacheTest, FullContextIsALimit) {
  std::unique_ptr<KvCache> cache = makeCache(30);
  KvSequence sequence = cache->newSequence(10);
  ASSERT_OK(sequence.reserve(10));
  ASSERT_OK(sequence.advance(10));
  absl::Status status = sequence.reserve(1);
  EXPECT_THAT(status, FailsWith(kExhausted, "a sequence of 10 tokens cannot take 1 more: the "
                                            "context holds 10"));
  EXPECT_TRUE(isLimitReached(status));
}

TEST_F(KvCacheTest, FreshPagesAreZeroAfterReuse) {
  std::unique_ptr<KvCache> cache = makeCache(4);
  {
    KvSequence old = cache->newSequence(100);
    ASSERT_OK(old.reserve(8));
    for (std::int32_t page : old.blockTable()) {
      EXPECT_TRUE(isZero(pageData(*cache, page)));
      std::ranges::fill(pageData(*cache, page), std::numeric_limits<float>::quiet_NaN());
    }
  }
  EXPECT_EQ(cache->usedPages(), 0);
  KvSequence next = cache->newSequence(100);
  ASSERT_OK(next.reserve(16)); // two that come back, two new ones
  EXPECT_EQ(cache->committedPages(), 4);
  for (std::int32_t page : next.blockTable())
    EXPECT_TRUE(isZero(pageData(*cache, page))) << page;
}

TEST_F(KvCacheTest, PagesHaveOneOwnerUnderRandomUse) {
  std::unique_ptr<KvCache> cache = makeCache(40);
  std::vector<KvSequence> sequences;
  for (int i = 0; i < 6; ++i)
    sequences.push_back(cache->newSequence(60));
  std::mt19937 random(3);
  for (int step = 0; step < 2000; ++step) {
    KvSequence &sequence = sequences[random() % sequences.size()];
    std::int64_t count = random() % 9;
    if (random() % 20 == 0)
      sequence.clear();
    else if (sequence.reserve(count).ok())
      ASSERT_OK(sequence.advance(count));
    std::set<std::int32_t> owned;
    std::size_t total = 0;
    for (const KvSequence &each : sequences) {
      owned.insert(each.blockTable().begin(), each.blockTable().end());
      total += each.blockTable().size();
      EXPECT_GE(std::ssize(each.blockTable()) * 4, each.length());
    }
    ASSERT_EQ(owned.size(), total) << "a page has two owners";
    ASSERT_EQ(cache->usedPages(), static_cast<std::int64_t>(total));
    ASSERT_TRUE(owned.empty() || *owned.rbegin() < cache->committedPages());
  }
  sequences.clear();
  EXPECT_EQ(cache->usedPages(), 0);
}

TEST_F(KvCacheTest, MovedSequencesKeepTheirPages) {
  std::unique_ptr<KvCache> cache = makeCache(4);
  KvSequence first = cache->newSequence(100);
  ASSERT_OK(first.reserve(4));
  KvSequence second = std::move(first);
  EXPECT_EQ(cache->usedPages(), 1);
  second = cache->newSequence(100);
  EXPECT_EQ(second.length(), 0);
}

TEST_F(KvCacheTest, RefusesALimitBelowOnePage) {
  absl::Status status = KvCache::create(*device, kLayout, 1199).status();
  EXPECT_THAT(status,
              FailsWith(kExhausted, "the KV cache may take 1199 bytes, one page needs 1200"));
  EXPECT_TRUE(isLimitReached(status));
}

TEST_F(KvCacheTest, RefusesAnImpossibleLayout) {
  for (KvPageLayout layout : {KvPageLayout{0, 300}, KvPageLayout{4, 0}, KvPageLayout{4, 1ll << 60}})
    EXPECT_THAT(KvCache::create(*device, layout, 1 << 20).status(),
                FailsWith(absl::StatusCode::kInvalidArgument, "KV page of"));
}

TEST_F(KvCacheTest, AddressSpaceThatDoesNotExistIsNoUserLimit) {
  constexpr KvPageLayout kHuge{4, std::int64_t{1} << 40, qvlfmt::ElementType::F32};
  for (std::uint64_t limit : {std::uint64_t{1} << 62, UINT64_MAX}) {
    absl::Status status = KvCache::create(*device, kHuge, limit).status();
    EXPECT_THAT(status, FailsWith(kExhausted, "cannot reserve"));
    EXPECT_THAT(std::string(status.message()),
                testing::EndsWith("; lower --kv-memory or --max-context"));
    EXPECT_FALSE(isLimitReached(status));
  }
}

TEST_F(KvCacheTest, GivesItsMemoryBack) {
  {
    std::unique_ptr<KvCache> cache = makeCache(50);
    KvSequence sequence = cache->newSequence(1000);
    ASSERT_OK(sequence.reserve(200));
    EXPECT_GT(device->memory().allocated, 0u);
  }
  EXPECT_EQ(device->memory().allocated, 0u);
}

} // namespace
} // namespace qvlrt
