#include "Races/ShadowLine.h"

namespace qvlsim::races {
namespace {

constexpr std::size_t kUsualReaders = 8; // warps that read one cell

/// The access as part `index` of its cell saw it, where cells of 1 << coarse bytes become parts of
/// 1 << fine.
Access partOf(Access access, std::uint32_t index, unsigned coarse, unsigned fine) {
  const LanePattern pattern = access.pattern;
  if (access.tag == 0 || pattern.isWholeCell())
    return access;
  const unsigned pieces = 1U << (coarse - pattern.shift);
  const unsigned kept = pattern.shift < fine ? 1U << (fine - pattern.shift) : 1;
  const unsigned first = index << fine >> pattern.shift;
  LaneMask touching = 0;
  for (unsigned lane = 0; lane < kWarpSize; ++lane)
    if ((lane - pattern.phase - first) % pieces < kept)
      touching |= LaneMask{1} << lane;
  access.lanes &= touching;
  access.pattern = {};
  if (kept > 1)
    access.pattern = {pattern.shift, static_cast<std::uint8_t>((pattern.phase + first) % kept)};
  return access;
}

} // namespace

std::vector<Access> &ReaderLists::of(ShadowCell &cell) {
  if (cell.more == 0) {
    if (free_.empty()) {
      lists_.emplace_back().reserve(kUsualReaders);
      free_.push_back(static_cast<std::uint32_t>(lists_.size()));
    }
    cell.more = free_.back();
    free_.pop_back();
  }
  return lists_[cell.more - 1];
}

void ReaderLists::release(ShadowCell &cell) {
  if (cell.more == 0)
    return;
  lists_[cell.more - 1].clear();
  free_.push_back(cell.more);
  cell.more = 0;
}

void ReaderLists::duplicate(ShadowCell &copy) {
  if (copy.more == 0)
    return;
  std::vector<Access> readers = lists_[copy.more - 1];
  copy.more = 0;
  of(copy) = std::move(readers);
}

ShadowCell *CellPool::take(std::uint32_t count) {
  if (used_ + count > blockCells_) {
    blocks_.push_back(std::make_unique<ShadowCell[]>(blockCells_));
    used_ = 0;
  }
  used_ += count;
  return blocks_.back().get() + (used_ - count);
}

void ShadowLine::split(CellPool &pool, ReaderLists *lists) {
  const unsigned fine = shift_ - 2;
  const std::uint32_t count = kBytes >> fine, parts = 1U << (shift_ - fine);
  ShadowCell *cells = pool.take(count);
  for (std::uint32_t c = 0; c < count; ++c) {
    cells[c] = cell(c / parts);
    cells[c].write = partOf(cells[c].write, c % parts, shift_, fine);
    for (Access &read : cells[c].reads)
      read = partOf(read, c % parts, shift_, fine);
    if (lists == nullptr || cells[c].more == 0)
      continue;
    lists->duplicate(cells[c]);
    for (Access &read : lists->of(cells[c]))
      read = partOf(read, c % parts, shift_, fine);
  }
  for (std::uint32_t c = 0; lists != nullptr && c < count / parts; ++c)
    lists->release(cell(c));
  cells_ = cells;
  shift_ = fine;
}

} // namespace qvlsim::races
