#include "Races/ShadowLine.h"

#include <bit>

namespace qvlsim::races {
namespace {

/// The access as part `index` of its cell saw it, where parts are of 1 << shift bytes.
Access partOf(Access access, std::uint32_t index, unsigned shift) {
  if (access.isWholeCell() || access.tag == 0)
    return access;
  const auto first =
      static_cast<unsigned>(std::countr_zero(access.lanes)) + (index << shift >> access.laneShift);
  const unsigned count = access.laneShift < shift ? 1U << (shift - access.laneShift) : 1;
  access.lanes = static_cast<LaneMask>(((std::uint64_t{1} << count) - 1) << first);
  if (count == 1)
    access.laneShift = kWholeCell;
  return access;
}

} // namespace

std::vector<Access> &ReaderLists::of(ShadowCell &cell) {
  if (cell.more == 0) {
    if (free_.empty()) {
      lists_.emplace_back();
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

void ShadowLine::split(ReaderLists *lists) {
  const unsigned fine = shift_ - 2;
  const std::uint32_t count = kBytes >> fine, parts = 1U << (shift_ - fine);
  auto cells = std::make_unique<ShadowCell[]>(count);
  for (std::uint32_t c = 0; c < count; ++c) {
    cells[c] = cell(c / parts);
    cells[c].write = partOf(cells[c].write, c % parts, fine);
    for (Access &read : cells[c].reads)
      read = partOf(read, c % parts, fine);
    if (lists == nullptr || cells[c].more == 0)
      continue;
    lists->duplicate(cells[c]);
    for (Access &read : lists->of(cells[c]))
      read = partOf(read, c % parts, fine);
  }
  for (std::uint32_t c = 0; lists != nullptr && c < count / parts; ++c)
    lists->release(cell(c));
  cells_ = std::move(cells);
  shift_ = fine;
}

void ShadowLine::merge(const Access &write) {
  cells_.reset();
  shift_ = kWholeShift;
  whole_ = {};
  whole_.write = write;
}

} // namespace qvlsim::races
