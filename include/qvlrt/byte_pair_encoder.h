// Byte-pair encoding over the merge table of an artifact.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "qvlfmt/artifact_generated.h"

namespace qvlrt {

/// Merges the symbols of one chunk: repeatedly the adjacent pair with the lowest rank, the leftmost
/// on a tie, until no ranked pair remains (the model specification, section 3.3). The tables are
/// used where they lie.
class BytePairEncoder {
public:
  /// byteIds: 256 ids of the single bytes. merges: sorted by (left, right), pairs distinct.
  BytePairEncoder(std::span<const std::uint32_t> byteIds, std::span<const qvlfmt::Merge> merges)
      : byteIds(byteIds), merges(merges) {}

  /// Appends the ids of `chunk` to `ids`. Time O(n log n) in the bytes of the chunk.
  void encode(std::string_view chunk, std::vector<std::int64_t> &ids) const;

  /// The merge of two adjacent symbols, or null.
  const qvlfmt::Merge *find(std::uint32_t left, std::uint32_t right) const;

private:
  std::span<const std::uint32_t> byteIds;
  std::span<const qvlfmt::Merge> merges;
};

} // namespace qvlrt
