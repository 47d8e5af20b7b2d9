#include "qvlrt/kv_cache.h"

#include "ArtifactVerifier.h"
#include "ElementTypes.h"
#include "qvlrt/status.h"

#include "absl/strings/str_cat.h"

#include <algorithm>
#include <utility>

namespace qvlrt {

/// Parts of a reservation are committed in multiples of this.
static constexpr std::uint64_t kCommitGranularity = 4096;

static std::uint64_t roundToCommit(std::uint64_t bytes) {
  return (bytes + kCommitGranularity - 1) / kCommitGranularity * kCommitGranularity;
}

KvPageLayout KvPageLayout::of(const qvlfmt::ModelFacts &facts, const qvlfmt::Target &target) {
  // Bounded by the artifact's verifier.
  std::int64_t rowElements = std::int64_t{2} * facts.layers() * facts.kv_heads() * facts.head_dim();
  return {facts.page_size(), rowElements * facts.page_size(),
          target.kv_element().value_or(facts.kv_element())};
}

std::uint64_t KvPageLayout::pageBytes() const {
  return static_cast<std::uint64_t>(pageElements) * elementBytes(element);
}

std::int64_t KvPageLayout::pagesFor(std::int64_t tokens) const {
  return tokens / pageTokens + (tokens % pageTokens != 0);
}

absl::StatusOr<std::unique_ptr<KvCache>> KvCache::create(Device &device, KvPageLayout layout,
                                                         std::uint64_t limitBytes) {
  const std::int64_t dims[] = {layout.pageElements};
  if (layout.pageTokens < 1 || layout.pageElements < 1 ||
      tensorBytes(dims, layout.element).value_or(kMaxTensorBytes + 1) > kMaxTensorBytes)
    return absl::InvalidArgumentError(absl::StrCat("KV page of ", layout.pageTokens, " tokens and ",
                                                   layout.pageElements, " elements"));
  // Far above any memory, far below an overflow of sums.
  limitBytes = std::min(limitBytes, std::uint64_t{1} << 62);
  // Page numbers are 32-bit operands of the kernels.
  std::uint64_t maxPages = std::min<std::uint64_t>(limitBytes / layout.pageBytes(), INT32_MAX);
  if (maxPages == 0)
    return limitReached(absl::StrCat("the KV cache may take ", limitBytes,
                                     " bytes, one page needs ", layout.pageBytes(),
                                     "; raise --kv-memory"));
  std::uint64_t reserved = roundToCommit(maxPages * layout.pageBytes());
  absl::StatusOr<DeviceRange> reservation = device.reserve(reserved);
  if (!reservation.ok())
    return absl::Status(
        reservation.status().code(),
        absl::StrCat(reservation.status().message(), "; lower --kv-memory or --max-context"));
  return std::unique_ptr<KvCache>(
      new KvCache(device, layout, *reservation, static_cast<std::int64_t>(maxPages)));
}

KvCache::~KvCache() { device.release(reservation, roundToCommit(committedBytes())); }

DeviceTensor KvCache::tensor() const {
  return {"kv_cache",
          pages.element,
          {committed, pages.pageElements},
          reservation.subrange(0, committedBytes())};
}

DeviceTensor KvCache::reservedTensor() const {
  return {"kv_cache",
          pages.element,
          {limitPages, pages.pageElements},
          reservation.subrange(0, limitPages * pages.pageBytes())};
}

KvSequence KvCache::newSequence(std::int64_t maxTokens) { return KvSequence(*this, maxTokens); }

DeviceRange KvCache::page(std::int32_t number) const {
  return reservation.subrange(static_cast<std::uint64_t>(number) * pages.pageBytes(),
                              pages.pageBytes());
}

absl::Status KvCache::take(std::int64_t count, std::vector<std::int32_t> &taken) {
  std::int64_t fresh = std::max<std::int64_t>(0, count - std::ssize(unused));
  if (fresh > limitPages - committed)
    return limitReached(absl::StrCat(
        "the KV cache is full: ", usedPages(), " of ", limitPages, " pages are in use and ", count,
        " more are needed, ", static_cast<std::uint64_t>(usedPages() + count) * pages.pageBytes(),
        " bytes in all; raise --kv-memory"));
  // Pages that come back hold old values; fresh memory is zero already.
  std::int64_t reused = count - fresh;
  for (std::int64_t i = 0; i < reused; ++i)
    QVLRT_RETURN_IF_ERROR(device.fill(page(unused[unused.size() - 1 - i]), 0));
  QVLRT_RETURN_IF_ERROR(grow(fresh));
  for (std::int64_t i = 0; i < reused; ++i) {
    taken.push_back(unused.back());
    unused.pop_back();
  }
  for (std::int64_t i = 0; i < fresh; ++i)
    taken.push_back(static_cast<std::int32_t>(committed - fresh + i));
  return absl::OkStatus();
}

std::string KvCache::noRoom(std::int64_t count) const {
  const std::uint64_t available = device.memory().available.value_or(0);
  const std::int64_t fitting = committed + static_cast<std::int64_t>(available / pages.pageBytes());
  std::string text = absl::StrCat("; the KV cache has ", committed, " pages and needs ", count,
                                  " more of ", pages.pageBytes(), " bytes");
  if (fitting > 0)
    absl::StrAppend(&text, "; ", fitting * pages.pageTokens,
                    " tokens fit (--max-context=", fitting * pages.pageTokens, ")");
  return absl::StrCat(text, device.limits().hostAddressable ? "" : "; or use --device=cpu");
}

absl::Status KvCache::grow(std::int64_t count) {
  if (count == 0)
    return absl::OkStatus();
  std::uint64_t before = roundToCommit(committedBytes());
  std::uint64_t after = roundToCommit((committed + count) * pages.pageBytes());
  if (after > before)
    if (absl::Status status = device.commit(reservation, before, after - before); !status.ok())
      return absl::Status(status.code(), absl::StrCat(status.message(), noRoom(count)));
  committed += count;
  return absl::OkStatus();
}

void KvCache::giveBack(std::span<const std::int32_t> numbers) {
  unused.insert(unused.end(), numbers.rbegin(), numbers.rend());
}

KvSequence::KvSequence(KvSequence &&other) noexcept
    : cache(std::exchange(other.cache, nullptr)), limitTokens(other.limitTokens),
      tokens(std::exchange(other.tokens, 0)), table(std::exchange(other.table, {})) {}

KvSequence &KvSequence::operator=(KvSequence &&other) noexcept {
  std::swap(cache, other.cache);
  std::swap(limitTokens, other.limitTokens);
  std::swap(tokens, other.tokens);
  std::swap(table, other.table);
  return *this;
}

KvSequence::~KvSequence() { clear(); }

void KvSequence::clear() {
  if (cache)
    cache->giveBack(table);
  table.clear();
  tokens = 0;
}

absl::Status KvSequence::reserve(std::int64_t count) {
  if (count < 0)
    return absl::InvalidArgumentError(absl::StrCat("reserve of ", count, " tokens"));
  if (count > limitTokens - tokens)
    return limitReached(absl::StrCat("a sequence of ", tokens, " tokens cannot take ", count,
                                     " more: the context holds ", limitTokens,
                                     "; shorten the input or compile with a larger --max-context"));
  std::int64_t needed = cache->layout().pagesFor(tokens + count) - std::ssize(table);
  return needed > 0 ? cache->take(needed, table) : absl::OkStatus();
}

absl::Status KvSequence::slots(std::int64_t count, std::vector<std::int64_t> &slots) const {
  std::int64_t pageTokens = cache->layout().pageTokens;
  if (count < 0 || count > std::ssize(table) * pageTokens - tokens)
    return absl::InvalidArgumentError(absl::StrCat("slots of ", count, " tokens after ", tokens,
                                                   " with ", table.size(), " pages reserved"));
  for (std::int64_t token = tokens; token < tokens + count; ++token)
    slots.push_back(table[token / pageTokens] * pageTokens + token % pageTokens);
  return absl::OkStatus();
}

absl::Status KvSequence::advance(std::int64_t count) {
  if (count < 0 || count > std::ssize(table) * cache->layout().pageTokens - tokens)
    return absl::InvalidArgumentError(absl::StrCat("advance by ", count, " tokens after ", tokens,
                                                   " with ", table.size(), " pages reserved"));
  tokens += count;
  return absl::OkStatus();
}

} // namespace qvlrt
