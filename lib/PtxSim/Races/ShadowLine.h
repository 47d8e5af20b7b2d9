// Shadow of 64 bytes of memory: who wrote them last, and who has read them since.
#pragma once

#include "Races/VectorClock.h"

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

namespace qvlsim::races {

/// How far an access is ordered with others without further fences: weak accesses not at all,
/// strong ones (volatile, relaxed, acquire, release, atomics) among the threads of their scope (PTX
/// ISA 9.0, section 8.7, morally strong operations).
enum class Strength : std::uint8_t { Weak, Cta, Cluster, Gpu };

enum class Deed : std::uint8_t { Read, Write, Atomic };

/// Which of an access's lanes touches what of a cell. A shift below kCollective: pieces of 1 <<
/// shift bytes, the piece of lane L being number (L - phase) modulo the number of pieces.
struct LanePattern {
  /// The rows of ldmatrix and stmatrix, which the warp moves as one; all lanes touch the whole
  /// cell.
  static constexpr std::uint8_t kCollective = 6, kWholeCell = 7;
  std::uint8_t shift : 3 = kWholeCell;
  std::uint8_t phase : 5 = 0;

  bool isWholeCell() const { return shift >= kCollective; }
  friend bool operator==(const LanePattern &, const LanePattern &) = default;
};

/// One recorded access of a cell: an epoch (cluster, actor, clock) and what a report says of it.
struct Access {
  std::uint32_t tag = 0; // linear id of the cluster plus one; 0: no access yet
  Clock clock = 0;
  std::uint32_t line = 0; // of the instruction in the file
  LaneMask lanes = 0;
  Actor actor = 0;
  LanePattern pattern;
  Deed deed : 2 = Deed::Read;
  Strength strength : 2 = Strength::Weak;
  bool asyncProxy : 1 = false;

  bool sameLanes(const Access &o) const { return lanes == o.lanes && pattern == o.pattern; }
};
static_assert(sizeof(Access) == 20);

struct ShadowCell {
  Access write;
  /// Readers since the last write that nothing orders among each other. A reader that another one
  /// happens after is dropped: what is unordered with it is unordered with the later one too.
  std::array<Access, 2> reads;
  /// Index plus one of the further readers, in ReaderLists.
  std::uint32_t more = 0;
};

/// Lists of readers, for cells with more than two of them. Lists are used again.
class ReaderLists {
public:
  std::vector<Access> &of(ShadowCell &cell);
  void release(ShadowCell &cell);
  /// Gives `copy`, a copy of a cell, a list of its own.
  void duplicate(ShadowCell &copy);

private:
  std::vector<std::vector<Access>> lists_;
  std::vector<std::uint32_t> free_;
};

/// Storage for cells, in blocks of `blockCells`; it lives as long as the pool.
class CellPool {
public:
  explicit CellPool(std::uint32_t blockCells) : blockCells_(blockCells), used_(blockCells) {}
  /// `count` adjacent cells, at most 64.
  ShadowCell *take(std::uint32_t count);

private:
  std::uint32_t blockCells_, used_; // of the last block
  std::vector<std::unique_ptr<ShadowCell[]>> blocks_;
};

/// One cell of 64 bytes, or cells of 16, 4 or 1 byte from the first access on that touches less:
/// neighbours never alias.
class ShadowLine {
public:
  static constexpr std::uint32_t kBytes = 64;
  static constexpr unsigned kWholeShift = 6;

  /// log2 of the bytes of a cell.
  unsigned shift() const { return shift_; }
  ShadowCell &cell(std::uint32_t index) { return cells_ != nullptr ? cells_[index] : whole_; }
  /// Makes the cells finer by one step. `lists`: of the cells' readers; may be null.
  void split(CellPool &pool, ReaderLists *lists);
  /// Makes the cells fine enough for an access to [offset, offset + bytes) of the line.
  void fit(std::uint32_t offset, std::uint32_t bytes, CellPool &pool, ReaderLists *lists) {
    while ((offset | bytes) & ((1U << shift_) - 1))
      split(pool, lists);
  }

private:
  ShadowCell whole_;
  ShadowCell *cells_ = nullptr; // of a pool; null: the whole line is one
  unsigned shift_ = kWholeShift;
};

} // namespace qvlsim::races
