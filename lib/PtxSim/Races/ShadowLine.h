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

/// Access::laneShift: each of the lanes touches the whole cell; the same of the rows of ldmatrix
/// and stmatrix, which the warp moves as one.
inline constexpr std::uint8_t kWholeCell = 0xFF, kCollective = 0xFE;

/// One recorded access of a cell: an epoch (cluster, actor, clock) and what a report says of it.
struct Access {
  std::uint32_t tag = 0; // linear id of the cluster plus one; 0: no access yet
  Clock clock = 0;
  std::uint32_t line = 0; // of the instruction in the file
  LaneMask lanes = 0;
  Actor actor = 0;
  /// log2 of the bytes that each of `lanes`, adjacent ones, touches of the cell, in their order; or
  /// one of the constants above.
  std::uint8_t laneShift = kWholeCell;
  Deed deed : 2 = Deed::Read;
  Strength strength : 2 = Strength::Weak;
  bool asyncProxy : 1 = false;

  bool sameEpoch(const Access &o) const {
    return tag == o.tag && clock == o.clock && actor == o.actor;
  }
  bool isWholeCell() const { return laneShift >= kCollective; }
  bool sameLanes(const Access &o) const { return lanes == o.lanes && laneShift == o.laneShift; }
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

/// One cell of 64 bytes, or cells of 16, 4 or 1 byte from the first access on that touches less:
/// neighbours never alias. A write of the whole line makes it one cell again.
class ShadowLine {
public:
  static constexpr std::uint32_t kBytes = 64;
  static constexpr unsigned kWholeShift = 6;

  /// log2 of the bytes of a cell.
  unsigned shift() const { return shift_; }
  ShadowCell &cell(std::uint32_t index) { return cells_ ? cells_[index] : whole_; }
  /// Makes the cells finer by one step. `lists`: of the cells' readers; may be null.
  void split(ReaderLists *lists);
  /// Makes the cells fine enough for an access to [offset, offset + bytes) of the line.
  void fit(std::uint32_t offset, std::uint32_t bytes, ReaderLists *lists) {
    while ((offset | bytes) & ((1U << shift_) - 1))
      split(lists);
  }
  /// One cell again, without readers.
  void merge(const Access &write);

private:
  ShadowCell whole_;
  std::unique_ptr<ShadowCell[]> cells_;
  unsigned shift_ = kWholeShift;
};

} // namespace qvlsim::races
