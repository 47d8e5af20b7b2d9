// The paged KV cache: a pool of pages, and sequences that own some of them.
#pragma once

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "qvlfmt/artifact_generated.h"
#include "qvlrt/device.h"
#include "qvlrt/executor.h"

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace qvlrt {

/// Sizes of a page. Its inner layout [layer][K|V][kv_head][...] belongs to the kernels.
struct KvPageLayout {
  std::int64_t pageTokens = 0;   // tokens of one page
  std::int64_t pageElements = 0; // layers * 2 * kv_heads * pageTokens * head_dim
  qvlfmt::ElementType element = qvlfmt::ElementType::F32;

  /// The pages of the programs of one target.
  static KvPageLayout of(const qvlfmt::ModelFacts &facts, const qvlfmt::Target &target);
  std::uint64_t pageBytes() const;
  /// Pages that hold `tokens` tokens of one sequence.
  std::int64_t pagesFor(std::int64_t tokens) const;
};

class KvSequence;

/// The pool. Address space for all pages is reserved at once, so that page addresses never move;
/// memory is taken page by page. A page reads zero when a sequence gets it: the unwritten tail of a
/// page is multiplied by probability 0, and 0 * NaN is NaN. Dies after its sequences and before its
/// device.
class KvCache {
public:
  /// A pool of at most `limitBytes` (rounded down to whole pages, at least one). Errors:
  /// InvalidArgument (layout), ResourceExhausted: isLimitReached() when the limit holds not one
  /// page, else no address space.
  static absl::StatusOr<std::unique_ptr<KvCache>> create(Device &device, KvPageLayout layout,
                                                         std::uint64_t limitBytes);
  ~KvCache();
  KvCache(const KvCache &) = delete;
  KvCache &operator=(const KvCache &) = delete;

  const KvPageLayout &layout() const { return pages; }
  std::int64_t maxPages() const { return limitPages; }
  /// Pages that have memory: page numbers are below it. Never shrinks.
  std::int64_t committedPages() const { return committed; }
  std::int64_t usedPages() const { return committed - static_cast<std::int64_t>(unused.size()); }
  std::uint64_t committedBytes() const { return committed * pages.pageBytes(); }

  /// The program argument "kv_cache" [committed pages, page elements]. Ask again after pages were
  /// taken.
  DeviceTensor tensor() const;
  /// The same [maximum of pages, page elements], whatever is committed: the pages behind have
  /// addresses and no memory.
  DeviceTensor reservedTensor() const;

  /// An empty sequence of at most `maxTokens` tokens.
  KvSequence newSequence(std::int64_t maxTokens);

private:
  friend class KvSequence;
  KvCache(Device &device, KvPageLayout layout, DeviceRange reservation, std::int64_t limitPages)
      : device(device), pages(layout), reservation(reservation), limitPages(limitPages) {}

  /// Appends `count` zeroed pages to `taken`, or takes none. Error: limitReached(), naming the
  /// needed bytes.
  absl::Status take(std::int64_t count, std::vector<std::int32_t> &taken);
  absl::Status grow(std::int64_t count);
  /// What to say when the device has no memory for `count` more pages.
  std::string noRoom(std::int64_t count) const;
  void giveBack(std::span<const std::int32_t> numbers);
  DeviceRange page(std::int32_t number) const;

  Device &device; // borrowed
  KvPageLayout pages;
  DeviceRange reservation; // owned
  std::int64_t limitPages;
  std::int64_t committed = 0;
  std::vector<std::int32_t> unused; // committed pages without an owner, a stack
};

/// The pages of one sequence, in order: token i lies in page blockTable()[i / pageTokens].
/// Move-only; gives its pages back when it dies.
class KvSequence {
public:
  KvSequence(KvSequence &&other) noexcept;
  KvSequence &operator=(KvSequence &&other) noexcept;
  ~KvSequence();

  /// Tokens in the cache.
  std::int64_t length() const { return tokens; }
  std::int64_t maxTokens() const { return limitTokens; }
  /// Page numbers, as many as needed so far. A row of the argument "block_table" is this, padded
  /// with 0.
  std::span<const std::int32_t> blockTable() const { return table; }

  /// Takes the pages that `count` more tokens need; the length stays. On error nothing changes.
  /// Errors: limitReached() (the pool, with the needed bytes; or maxTokens), InvalidArgument (count
  /// < 0).
  absl::Status reserve(std::int64_t count);
  /// Appends the slots (page * pageTokens + offset) of the next `count` tokens, which were
  /// reserved, to `slots`. Error: InvalidArgument when they were not.
  absl::Status slots(std::int64_t count, std::vector<std::int64_t> &slots) const;
  /// Makes `count` reserved tokens part of the length, after a program has written them.
  absl::Status advance(std::int64_t count);
  /// Empties the sequence and gives its pages back.
  void clear();

private:
  friend class KvCache;
  KvSequence(KvCache &cache, std::int64_t limitTokens) : cache(&cache), limitTokens(limitTokens) {}

  KvCache *cache; // borrowed; null when moved from
  std::int64_t limitTokens;
  std::int64_t tokens = 0;
  std::vector<std::int32_t> table;
};

} // namespace qvlrt
