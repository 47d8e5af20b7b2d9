// Shadow memory: what each access checks and leaves behind.
#include "Races/ClusterModel.h"

#include "Memory/AddressSpaces.h"

#include <algorithm>
#include <bit>

namespace qvlsim::races {
namespace {

constexpr unsigned kNoLaneShift = 32;

} // namespace

struct ClusterModel::Visit {
  Access record; // what is left behind
  unsigned warp;
  bool global;
  const WarpClocks *clocks; // what its threads know
  // log2 of the bytes of each of adjacent lanes, and the one whose bytes come next; kNoLaneShift:
  // all lanes touch everything.
  unsigned laneShift = kNoLaneShift, firstLane = 0;
  CellPool *pool = nullptr; // of the lines being visited
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
  Visit visit{recorded(site, mode), site.warp, mode.global, &warps_[site.warp].clocks};
  for (const LaneSegment &segment : segments.segments()) {
    visit.record.lanes = segment.lanes;
    visit.record.pattern = {segments.isCollective() ? LanePattern::kCollective
                                                    : LanePattern::kWholeCell};
    visit.laneShift = segments.isRun(segment)
                          ? static_cast<unsigned>(std::countr_zero(segments.laneBytes()))
                          : kNoLaneShift;
    if (!walk(visit, segment.address, segment.bytes))
      return false;
  }
  return true;
}

bool ClusterModel::accessRange(const Site &site, const AccessMode &mode, std::uint64_t address,
                               std::uint64_t bytes) {
  Visit visit{recorded(site, mode), site.warp, mode.global, &warps_[site.warp].clocks};
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
  const auto firstLane = static_cast<unsigned>(std::countr_zero(visit.record.lanes));
  for (std::uint64_t done = 0; done < bytes;) {
    const std::uint64_t at = address + done;
    const std::uint64_t part = std::min(bytes - done, ShadowPage::kBytes - at % ShadowPage::kBytes);
    if (visit.laneShift != kNoLaneShift)
      visit.firstLane = firstLane + static_cast<unsigned>(done >> visit.laneShift);
    if (!visit.global) {
      visit.pool = &sharedPool_;
      if (!visitLines(visit, at, part,
                      [&](std::uint64_t line) -> auto & { return sharedLine(line); }))
        return false;
    } else {
      ShadowPage &page = globalPage(at);
      std::lock_guard lock(page.mutex);
      visit.pool = &page.pool;
      if (!visitLines(visit, at, part,
                      [&](std::uint64_t line) -> auto & { return page.line(line); }))
        return false;
    }
    done += part;
  }
  return true;
}

template <typename LineOf>
bool ClusterModel::visitLines(Visit &visit, std::uint64_t address, std::uint64_t bytes,
                              LineOf lineOf) {
  const std::uint64_t end = address + bytes;
  while (address < end) {
    const auto part = static_cast<std::uint32_t>(
        std::min(end - address, ShadowLine::kBytes - address % ShadowLine::kBytes));
    if (!visitLine(visit, lineOf(address), address, part))
      return false;
    address += part;
    if (visit.laneShift != kNoLaneShift)
      visit.firstLane += part >> visit.laneShift;
  }
  return true;
}

/// Who touches the cell of a run of lanes whose bytes begin with those of `firstLane`.
void ClusterModel::setLanes(Visit &visit, unsigned firstLane, unsigned shift) {
  const unsigned count = visit.laneShift < shift ? 1U << (shift - visit.laneShift) : 1;
  visit.record.lanes = static_cast<LaneMask>(((std::uint64_t{1} << count) - 1) << firstLane);
  visit.record.pattern = {};
  if (count > 1)
    visit.record.pattern = {static_cast<std::uint8_t>(visit.laneShift),
                            static_cast<std::uint8_t>(firstLane % count)};
}

/// One line, cell by cell. Cells become finer where two lanes of a warp cannot be told apart
/// otherwise.
bool ClusterModel::visitLine(Visit &visit, ShadowLine &line, std::uint64_t address,
                             std::uint32_t bytes) {
  const auto offset = static_cast<std::uint32_t>(address % ShadowLine::kBytes);
  ReaderLists *lists = visit.global ? nullptr : &readers_;
  line.fit(offset, bytes, *visit.pool, lists);
  for (std::uint32_t done = 0; done < bytes;) {
    const unsigned shift = line.shift();
    if (visit.laneShift != kNoLaneShift)
      setLanes(visit, visit.firstLane + (done >> visit.laneShift), shift);
    switch (visitCell(visit, line.cell((offset + done) >> shift), shift)) {
    case Outcome::Fine:
      done += 1U << shift;
      break;
    case Outcome::TooCoarse:
      line.split(*visit.pool, lists);
      break;
    case Outcome::Raced:
      found_.address = address + done;
      return false;
    }
  }
  return true;
}

ClusterModel::Outcome ClusterModel::visitCell(Visit &visit, ShadowCell &cell, unsigned shift) {
  return visit.record.deed == Deed::Read ? readCell(visit, cell, shift)
                                         : writeCell(visit, cell, shift);
}

/// Whether no two of the lanes touch the same bytes, or all lanes act as one.
bool ClusterModel::touchesPrivately(const Access &access) {
  return access.pattern.shift != LanePattern::kWholeCell || std::has_single_bit(access.lanes);
}

bool ClusterModel::ordered(const Visit &visit, const Access &earlier) const {
  const Access &mine = visit.record;
  if (earlier.tag != tag_)
    return visit.clocks->knowForeign(mine.lanes, earlier.tag, earlier.actor, earlier.lanes,
                                     earlier.clock);
  if (visit.clocks->common().seen[earlier.actor] >= earlier.clock)
    return true;
  // Program order, lane by lane; also of what a lane has waited for.
  if (earlier.sameLanes(mine) && touchesPrivately(mine) &&
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
    return earlier.tag == tag_ && sameCta(earlier.actor, static_cast<Actor>(visit.warp));
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
  if (shift != 0 && !(earlier.pattern.isWholeCell() && visit.record.pattern.isWholeCell()))
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
  const Access &mine = visit.record;
  for (const Access &read : cell.reads)
    if (read.clock == mine.clock && read.actor == mine.actor && read.tag == mine.tag &&
        read.sameLanes(mine))
      return Outcome::Fine;
  if (const Outcome outcome = checkWrite(visit, cell.write, shift); outcome != Outcome::Fine)
    return outcome;
  rememberRead(visit, cell);
  return Outcome::Fine;
}

/// Whether `mine` may take the place of an earlier read by the same actor: what is unordered with
/// the earlier read is unordered with `mine` too. In one epoch both may become one.
bool ClusterModel::takesPlace(Access &earlier, const Access &mine) {
  if (earlier.pattern != mine.pattern)
    return false;
  if (earlier.clock == mine.clock) {
    earlier.lanes |= mine.lanes;
    earlier.strength = std::min(earlier.strength, mine.strength);
    return true;
  }
  if (earlier.lanes & ~mine.lanes)
    return false;
  earlier = mine;
  return true;
}

void ClusterModel::rememberRead(const Visit &visit, ShadowCell &cell) {
  const Access &mine = visit.record;
  const ActorClocks &seen = visit.clocks->common().seen;
  Access *free = nullptr;
  const auto put = [&](Access &read) {
    if (read.tag == mine.tag && read.actor == mine.actor)
      return takesPlace(read, mine);
    if (free == nullptr &&
        (read.tag == 0 || (read.tag == mine.tag && seen[read.actor] >= read.clock)))
      free = &read;
    return false;
  };
  for (Access &read : cell.reads)
    if (put(read))
      return;
  if (cell.more != 0)
    for (Access &read : readers_.of(cell))
      if (put(read))
        return;
  // The latest comes first: further lanes of the instruction find it there. In global memory it and
  // the first reader stand for all.
  if (free != nullptr)
    *free = cell.reads[0];
  else if (!visit.global)
    readers_.of(cell).push_back(cell.reads[0]);
  cell.reads[0] = mine;
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

// --- the end of a CTA --------------------------------------------------------------------------

bool ClusterModel::fromOutside(unsigned cta, const Access &access) const {
  if (access.tag == 0)
    return false;
  const std::optional<unsigned> warp = warpOf(access.actor);
  return !warp || *warp / ctaWarps_ != cta;
}

std::optional<Access> ClusterModel::outliving(unsigned cta) {
  if (!sharedLines_[cta])
    return std::nullopt;
  VectorClock last; // what the threads know as they exit
  for (unsigned warp = cta * ctaWarps_; warp < (cta + 1) * ctaWarps_; ++warp)
    last.join(warps_[warp].clocks.release(kAllLanes, kAllLanes));
  const auto outlives = [&](const Access &access) {
    return fromOutside(cta, access) && !last.seen.covers(access.actor, access.lanes, access.clock);
  };
  for (std::uint64_t l = 0; l < linesPerCta_; ++l) {
    ShadowLine &line = sharedLines_[cta][l];
    for (std::uint32_t c = 0; c < ShadowLine::kBytes >> line.shift(); ++c) {
      ShadowCell &cell = line.cell(c);
      for (const Access *access : {&cell.write, &cell.reads[0], &cell.reads[1]})
        if (outlives(*access))
          return *access;
      if (cell.more != 0)
        for (const Access &read : readers_.of(cell))
          if (outlives(read))
            return read;
    }
  }
  return std::nullopt;
}

} // namespace qvlsim::races
