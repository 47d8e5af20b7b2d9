// Shadow memory: what each access checks and leaves behind.
#include "Races/ClusterModel.h"

#include "Memory/AddressSpaces.h"

#include <algorithm>
#include <bit>

namespace qvlsim::races {

struct ClusterModel::Visit {
  Access record; // what is left behind
  unsigned warp;
  bool global;
  const WarpClocks *clocks; // what its threads know
  std::uint32_t laneBytes;  // of each of adjacent lanes; 0: all lanes touch everything
};

Access ClusterModel::recorded(const Site &site, const AccessMode &mode) const {
  Access access;
  access.tag = tag_;
  access.line = site.line;
  access.lanes = site.lanes;
  access.deed = mode.deed;
  access.strength = mode.strength;
  access.asyncProxy = mode.asyncProxy;
  if (mode.completion == nullptr) {
    access.actor = static_cast<Actor>(site.warp);
    access.clock = warps_[site.warp].clocks.now();
  } else {
    access.actor = mode.completion->mbarrier
                       ? engines_.at(*mode.completion->mbarrier)
                       : engineOf(site.warp, mode.completion->group, mode.deed != Deed::Read);
    access.clock = issued_[access.actor];
  }
  return access;
}

bool ClusterModel::access(const Site &site, const AccessMode &mode, const LaneSegments &segments) {
  Visit visit{recorded(site, mode), site.warp, mode.global, &warps_[site.warp].clocks, 0};
  for (const LaneSegment &segment : segments.segments()) {
    visit.record.lanes = segment.lanes;
    visit.record.laneShift = segments.isCollective() ? kCollective : kWholeCell;
    visit.laneBytes = segments.isRun(segment) ? segments.laneBytes() : 0;
    if (!walk(visit, segment.address, segment.bytes))
      return false;
  }
  return true;
}

bool ClusterModel::accessRange(const Site &site, const AccessMode &mode, std::uint64_t address,
                               std::uint64_t bytes) {
  Visit visit{recorded(site, mode), site.warp, mode.global, &warps_[site.warp].clocks, 0};
  return walk(visit, address, bytes);
}

ShadowLine &ClusterModel::sharedLine(std::uint64_t address) {
  std::unique_ptr<ShadowLine[]> &lines = sharedLines_[address >> kSharedRankShift];
  if (!lines)
    lines = std::make_unique<ShadowLine[]>(linesPerCta_);
  return lines[(address & ((1U << kSharedRankShift) - 1)) / ShadowLine::kBytes];
}

ShadowPage &ClusterModel::globalPage(std::uint64_t address) {
  const std::uint64_t number = address / ShadowPage::kBytes;
  CachedPage &cached = cachedPages_[number % cachedPages_.size()];
  if (cached.number != number)
    cached = {number, &global_.page(number)};
  return *cached.page;
}

bool ClusterModel::walk(Visit &visit, std::uint64_t address, std::uint64_t bytes) {
  const LaneMask lanes = visit.record.lanes;
  for (std::uint64_t done = 0; done < bytes;) {
    const std::uint64_t at = address + done;
    const auto part = static_cast<std::uint32_t>(
        std::min(bytes - done, ShadowLine::kBytes - at % ShadowLine::kBytes));
    // The lanes whose bytes begin here.
    if (visit.laneBytes != 0)
      visit.record.lanes =
          kAllLanes << (static_cast<unsigned>(std::countr_zero(lanes)) + done / visit.laneBytes);
    bool ok = false;
    if (visit.global) {
      ShadowPage &page = globalPage(at);
      std::lock_guard lock(page.mutex);
      ok = visitLine(visit, page.line(at), at, part);
    } else {
      ok = visitLine(visit, sharedLine(at), at, part);
    }
    if (!ok)
      return false;
    done += part;
  }
  return true;
}

LaneMask adjacentLanes(unsigned first, unsigned count) {
  return static_cast<LaneMask>(((std::uint64_t{1} << count) - 1) << first);
}

/// One line, cell by cell: visit.record.lanes begin with the lane of the first byte. Cells become
/// finer where two lanes of a warp cannot be told apart otherwise.
bool ClusterModel::visitLine(Visit &visit, ShadowLine &line, std::uint64_t address,
                             std::uint32_t bytes) {
  const auto offset = static_cast<std::uint32_t>(address % ShadowLine::kBytes);
  ReaderLists *lists = visit.global ? nullptr : &readers_;
  line.fit(offset, bytes, lists);
  const auto laneShift =
      static_cast<std::uint8_t>(visit.laneBytes ? std::countr_zero(visit.laneBytes) : 0);
  const auto firstLane = static_cast<unsigned>(std::countr_zero(visit.record.lanes));
  for (std::uint32_t done = 0; done < bytes;) {
    const unsigned shift = line.shift();
    if (visit.laneBytes != 0) {
      const unsigned count = laneShift < shift ? 1U << (shift - laneShift) : 1;
      visit.record.lanes = adjacentLanes(firstLane + (done >> laneShift), count);
      visit.record.laneShift = count > 1 ? laneShift : kWholeCell;
    }
    switch (visitCell(visit, line.cell((offset + done) >> shift), shift)) {
    case Outcome::Fine:
      done += 1U << shift;
      break;
    case Outcome::TooCoarse:
      line.split(lists);
      break;
    case Outcome::Raced:
      found_.address = address + done;
      return false;
    }
  }
  if (bytes == ShadowLine::kBytes && line.shift() != ShadowLine::kWholeShift &&
      visit.record.deed != Deed::Read) {
    if (visit.laneBytes != 0) {
      visit.record.lanes = adjacentLanes(firstLane, bytes >> laneShift);
      visit.record.laneShift = laneShift;
    }
    line.merge(visit.record);
  }
  return true;
}

ClusterModel::Outcome ClusterModel::visitCell(Visit &visit, ShadowCell &cell, unsigned shift) {
  return visit.record.deed == Deed::Read ? readCell(visit, cell, shift)
                                         : writeCell(visit, cell, shift);
}

bool ClusterModel::ordered(const Visit &visit, const Access &earlier) const {
  const Access &mine = visit.record;
  if (earlier.tag != tag_)
    return visit.clocks->knowForeign(mine.lanes, earlier.tag, earlier.actor, earlier.lanes,
                                     earlier.clock);
  if (visit.clocks->common().seen[earlier.actor] >= earlier.clock)
    return true;
  // Program order, lane by lane; also of what a lane has waited for.
  if (earlier.sameLanes(mine) &&
      (mine.laneShift != kWholeCell || std::has_single_bit(mine.lanes)) &&
      (earlier.actor == visit.warp ||
       visit.clocks->hasCompleted(earlier.actor, earlier.lanes, earlier.clock)))
    return true;
  return visit.clocks->know(mine.lanes, &VectorClock::seen, earlier.actor, earlier.lanes,
                            earlier.clock);
}

/// Strong accesses whose scopes include each other do not race.
bool ClusterModel::excused(const Visit &visit, const Access &earlier) const {
  switch (std::min(visit.record.strength, earlier.strength)) {
  case Strength::Weak:
    return false;
  case Strength::Gpu:
    return true;
  case Strength::Cluster:
    return earlier.tag == tag_;
  case Strength::Cta:
    return earlier.tag == tag_ && earlier.actor < warps_.size() &&
           earlier.actor / ctaWarps_ == visit.warp / ctaWarps_;
  }
  return false;
}

ClusterModel::Outcome ClusterModel::report(const Visit &visit, Race::Kind kind,
                                           const Access &other) {
  found_ = {.kind = kind, .global = visit.global, .mine = visit.record, .other = other};
  return Outcome::Raced;
}

ClusterModel::Outcome ClusterModel::checkOrder(Visit &visit, const Access &earlier,
                                               unsigned shift) {
  if (earlier.tag == 0 || ordered(visit, earlier) || excused(visit, earlier))
    return Outcome::Fine;
  if (shift != 0 && !(earlier.isWholeCell() && visit.record.isWholeCell()))
    return Outcome::TooCoarse;
  return report(visit, Race::Kind::DataRace, earlier);
}

ClusterModel::Outcome ClusterModel::checkWrite(Visit &visit, const Access &write, unsigned shift) {
  if (write.tag == 0)
    return Outcome::Fine;
  if (const Outcome outcome = checkOrder(visit, write, shift); outcome != Outcome::Fine)
    return outcome;
  if (visit.record.asyncProxy && !write.asyncProxy && write.tag == tag_ &&
      !visit.clocks->know(visit.record.lanes, &VectorClock::proxied, write.actor, write.lanes,
                          write.clock))
    return report(visit, Race::Kind::MissingProxyFence, write);
  return Outcome::Fine;
}

ClusterModel::Outcome ClusterModel::readCell(Visit &visit, ShadowCell &cell, unsigned shift) {
  // Whoever has read this in the epoch before has checked it: a write would have removed it.
  for (const Access &read : cell.reads)
    if (read.sameEpoch(visit.record) && read.sameLanes(visit.record))
      return Outcome::Fine;
  if (const Outcome outcome = checkWrite(visit, cell.write, shift); outcome != Outcome::Fine)
    return outcome;
  return rememberRead(visit, cell, shift);
}

ClusterModel::Outcome ClusterModel::rememberRead(Visit &visit, ShadowCell &cell, unsigned shift) {
  const auto put = [&](Access &read, Outcome &outcome) {
    if (read.tag == 0 || !read.sameEpoch(visit.record)) {
      if (read.tag != 0 && !ordered(visit, read))
        return false;
      read = visit.record;
      return true;
    }
    if (read.sameLanes(visit.record))
      return true;
    if (shift != 0 && !(read.isWholeCell() && visit.record.isWholeCell())) {
      outcome = Outcome::TooCoarse;
      return true;
    }
    read.lanes |= visit.record.lanes;
    read.laneShift = kWholeCell;
    read.strength = std::min(read.strength, visit.record.strength);
    return true;
  };
  Outcome outcome = Outcome::Fine;
  for (Access &read : cell.reads)
    if (put(read, outcome))
      return outcome;
  if (visit.global) { // the first reader and the latest unordered one stand for all
    cell.reads[1] = visit.record;
    return Outcome::Fine;
  }
  std::vector<Access> &more = readers_.of(cell);
  for (Access &read : more)
    if (put(read, outcome))
      return outcome;
  more.push_back(visit.record);
  return Outcome::Fine;
}

ClusterModel::Outcome ClusterModel::writeCell(Visit &visit, ShadowCell &cell, unsigned shift) {
  if (const Outcome outcome = checkWrite(visit, cell.write, shift); outcome != Outcome::Fine)
    return outcome;
  for (const Access &read : cell.reads)
    if (const Outcome outcome = checkOrder(visit, read, shift); outcome != Outcome::Fine)
      return outcome;
  if (cell.more != 0) {
    for (const Access &read : readers_.of(cell))
      if (const Outcome outcome = checkOrder(visit, read, shift); outcome != Outcome::Fine)
        return outcome;
    readers_.release(cell);
  }
  cell.write = visit.record;
  cell.reads[0].tag = cell.reads[1].tag = 0;
  return Outcome::Fine;
}

} // namespace qvlsim::races
