#include "qvlrt/byte_pair_encoder.h"

#include <algorithm>
#include <queue>
#include <tuple>

namespace qvlrt {
namespace {

/// Symbols of a chunk as a doubly linked list over its byte positions.
struct Symbol {
  std::uint32_t id;
  std::int32_t previous;
  std::int32_t next;
};

constexpr std::uint32_t kMergedAway = 0xFFFFFFFF;
constexpr std::int32_t kEnd = -1;

/// A merge that was possible at `position` when it was queued; it is stale once a neighbour
/// changed.
struct Candidate {
  const qvlfmt::Merge *merge;
  std::int32_t position;
  std::int32_t right;

  /// Lowest rank first, leftmost on a tie (the queue keeps the greatest on top).
  bool operator<(const Candidate &other) const {
    return std::tuple(merge->rank(), position) > std::tuple(other.merge->rank(), other.position);
  }
};

} // namespace

const qvlfmt::Merge *BytePairEncoder::find(std::uint32_t left, std::uint32_t right) const {
  const auto found = std::lower_bound(merges.begin(), merges.end(), std::tuple(left, right),
                                      [](const qvlfmt::Merge &merge, auto pair) {
                                        return std::tuple(merge.left(), merge.right()) < pair;
                                      });
  if (found == merges.end() || found->left() != left || found->right() != right)
    return nullptr;
  return &*found;
}

void BytePairEncoder::encode(std::string_view chunk, std::vector<std::int64_t> &ids) const {
  std::vector<Symbol> symbols(chunk.size());
  const auto count = static_cast<std::int32_t>(chunk.size());
  for (std::int32_t i = 0; i < count; ++i)
    symbols[i] = {byteIds[static_cast<unsigned char>(chunk[i])], i - 1,
                  i + 1 < count ? i + 1 : kEnd};

  std::priority_queue<Candidate> queue;
  const auto offer = [&](std::int32_t position) {
    if (position == kEnd || symbols[position].next == kEnd)
      return;
    const std::int32_t right = symbols[position].next;
    if (const qvlfmt::Merge *merge = find(symbols[position].id, symbols[right].id))
      queue.push({merge, position, right});
  };
  for (std::int32_t i = 0; i < count; ++i)
    offer(i);

  while (!queue.empty()) {
    const Candidate best = queue.top();
    queue.pop();
    Symbol &left = symbols[best.position];
    Symbol &right = symbols[best.right];
    const bool fresh =
        left.id == best.merge->left() && right.id == best.merge->right() && left.next == best.right;
    if (!fresh)
      continue;
    left.id = best.merge->result();
    left.next = right.next;
    right.id = kMergedAway;
    if (left.next != kEnd)
      symbols[left.next].previous = best.position;
    offer(left.previous);
    offer(best.position);
  }
  for (std::int32_t i = 0; i != kEnd && i < count; i = symbols[i].next)
    ids.push_back(symbols[i].id);
}

} // namespace qvlrt
