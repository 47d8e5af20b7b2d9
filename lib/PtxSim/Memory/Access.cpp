#include "Memory/Access.h"

#include "Exec/Cluster.h"
#include "Exec/Lanes.h"
#include "Exec/LaunchState.h"
#include "Memory/AccessCounts.h"
#include "Memory/AddressSpaces.h"
#include "absl/strings/str_format.h"

namespace qvlsim {
namespace {

const char *verb(AccessKind kind) {
  return kind == AccessKind::Read ? "read" : kind == AccessKind::Write ? "write" : "atomic access";
}

/// The space that a generic address leads to.
StateSpace spaceOf(std::uint64_t address) {
  if (address - kSharedWindow < kSharedWindowBytes)
    return StateSpace::SharedCluster;
  if (address - kLocalWindow < kLocalWindowBytes)
    return StateSpace::Local;
  if (address - kParameterWindow < kParameterWindowBytes)
    return StateSpace::Parameter;
  return StateSpace::Global;
}

std::uint64_t windowOf(StateSpace space) {
  switch (space) {
  case StateSpace::SharedCluster:
    return kSharedWindow;
  case StateSpace::Local:
    return kLocalWindow;
  case StateSpace::Parameter:
    return kParameterWindow;
  default:
    return 0;
  }
}

/// One place in memory: storage, and the address as observers see it.
struct Place {
  std::byte *data = nullptr;
  std::uint8_t *initialised = nullptr;
  std::uint64_t address = 0;
  const MemoryRegion *region = nullptr;
  StateSpace space = StateSpace::Global;
};

/// Finds and checks places for one instruction of a warp.
class Resolver {
public:
  Resolver(Warp &warp, const Instruction &i, AccessKind kind) : warp_(warp), i_(i), kind_(kind) {}

  bool resolve(unsigned lane, StateSpace space, std::uint64_t address, std::uint64_t bytes,
               std::uint64_t align, Place &place) {
    if (space == StateSpace::Generic) {
      space = spaceOf(address);
      address -= windowOf(space);
    }
    place.space = space == StateSpace::SharedCluster ? StateSpace::Shared : space;
    place.address = address;
    if (address & (align - 1))
      return fail(
          FaultKind::Misaligned, lane,
          absl::StrFormat("%s of %d bytes at .%s address %#x, which is not a multiple of %d",
                          verb(kind_), bytes, name(place.space), address, align));
    switch (space) {
    case StateSpace::Shared:
    case StateSpace::SharedCluster:
      return shared(lane, space, address, bytes, place);
    case StateSpace::Local:
      return local(lane, address, bytes, place);
    case StateSpace::Parameter:
      return parameter(lane, address, bytes, place);
    default:
      return global(lane, space, address, bytes, place);
    }
  }

private:
  bool fail(FaultKind kind, unsigned lane, const std::string &detail) {
    warp_.fail(i_, kind, lane, detail);
    return false;
  }

  bool outOfBounds(unsigned lane, std::string_view space, std::uint64_t address,
                   std::uint64_t bytes, const std::string &cause) {
    return fail(FaultKind::OutOfBounds, lane,
                absl::StrFormat("%s of %d bytes at .%s address %#x: %s", verb(kind_), bytes, space,
                                address, cause));
  }

  bool shared(unsigned lane, StateSpace space, std::uint64_t address, std::uint64_t bytes,
              Place &place) {
    // A window address may have kept its generic form in a 64-bit register.
    Cta *cta = &warp_.cta();
    std::uint64_t rank = address >> kSharedRankShift;
    std::uint64_t offset = address & ((std::uint64_t{1} << kSharedRankShift) - 1);
    if (rank != cta->rank) {
      // Plain offsets are addresses of the own CTA for .shared::cta.
      if (rank == 0 && space == StateSpace::Shared)
        rank = cta->rank;
      else if (space == StateSpace::Shared || rank >= cta->cluster->ctas.size())
        return outOfBounds(lane, "shared", address, bytes,
                           absl::StrFormat("it belongs to rank %d; this CTA has rank %d of %d",
                                           rank, cta->rank, cta->cluster->ctas.size()));
      cta = cta->cluster->ctas[rank].get();
    }
    if (offset + bytes > cta->sharedBytes)
      return outOfBounds(
          lane, "shared", address, bytes,
          absl::StrFormat("the CTA has %d bytes of shared memory", cta->sharedBytes));
    place.data = cta->shared + offset;
    place.initialised = cta->sharedInitialised.get() + offset;
    place.address = rank << kSharedRankShift | offset;
    return true;
  }

  bool local(unsigned lane, std::uint64_t address, std::uint64_t bytes, Place &place) {
    std::uint32_t offset = 0;
    Frame *frame = warp_.localFrame(address, bytes, offset);
    if (frame == nullptr)
      return outOfBounds(lane, "local", address, bytes,
                         "no local variable of the thread lies there");
    std::size_t at = std::size_t{lane} * frame->localBytes + offset;
    place.data = frame->local.get() + at;
    place.initialised = frame->localInitialised.get() + at;
    return true;
  }

  bool parameter(unsigned lane, std::uint64_t address, std::uint64_t bytes, Place &place) {
    const std::vector<std::byte> &parameters = warp_.launch().parameters;
    if (kind_ != AccessKind::Read)
      return fail(FaultKind::ReadOnlyWrite, lane, "kernel parameters are read-only");
    if (bytes > parameters.size() || address > parameters.size() - bytes)
      return outOfBounds(
          lane, "param", address, bytes,
          absl::StrFormat("the kernel has %d bytes of parameters", parameters.size()));
    place.data = const_cast<std::byte *>(parameters.data()) + address;
    return true;
  }

  bool global(unsigned lane, StateSpace space, std::uint64_t address, std::uint64_t bytes,
              Place &place) {
    const MemoryRegion *region = last_;
    if (region == nullptr || address - region->address >= region->bytes)
      region = last_ = warp_.launch().memory->find(address);
    if (region == nullptr)
      return outOfBounds(lane, name(space), address, bytes, neighbour(address));
    std::uint64_t offset = address - region->address;
    if (offset + bytes > region->bytes)
      return outOfBounds(lane, name(space), address, bytes,
                         absl::StrFormat("it reaches %d bytes beyond its allocation of %d",
                                         offset + bytes - region->bytes, region->bytes));
    if (region->readOnly && kind_ != AccessKind::Read)
      return fail(FaultKind::ReadOnlyWrite, lane,
                  absl::StrFormat("%#x lies in constant memory", address));
    place.data = region->data + offset;
    place.initialised = region->initialised == nullptr ? nullptr : region->initialised + offset;
    place.region = region;
    return true;
  }

  std::string neighbour(std::uint64_t address) const {
    if (address < 4096)
      return "a null pointer";
    std::span<const MemoryRegion> regions = warp_.launch().memory->regions();
    const MemoryRegion *before = nullptr;
    for (const MemoryRegion &region : regions)
      if (region.address + region.bytes <= address)
        before = &region;
    if (before != nullptr && address - before->address - before->bytes < (1 << 20))
      return absl::StrFormat("%d bytes beyond the end of an allocation of %d bytes",
                             address - before->address - before->bytes, before->bytes);
    return "it lies in no allocation";
  }

  Warp &warp_;
  const Instruction &i_;
  AccessKind kind_;
  const MemoryRegion *last_ = nullptr;
};

/// Whether one of the marks is zero, while other host threads may set marks.
bool anyZero(const std::uint8_t *bytes, std::uint64_t n) {
  std::uint64_t b = 0;
  bool zero = false;
  if (reinterpret_cast<std::uintptr_t>(bytes) % 4 == 0)
    for (; b + 4 <= n; b += 4)
      zero |= __atomic_load_n(reinterpret_cast<const std::uint32_t *>(bytes + b),
                              __ATOMIC_RELAXED) != 0x01010101U;
  for (; b < n; ++b)
    zero |= __atomic_load_n(bytes + b, __ATOMIC_RELAXED) == 0;
  return zero;
}

/// Lanes that read a byte which nothing has written.
template <std::uint32_t kBytes = 0>
LaneMask incompleteLanes(const LaneAccess &access, LaneMask mask) {
  LaneMask incomplete = 0;
  forLanes(mask, [&](unsigned lane) {
    const std::uint8_t *written = access.initialised[lane];
    const bool missing = written != nullptr && anyZero(written, kBytes ? kBytes : access.bytes);
    incomplete |= LaneMask{missing} << lane;
  });
  return incomplete;
}

/// Storage that one comparison a lane checks: the shared memory of a CTA, or an allocation.
struct Extent {
  std::byte *data = nullptr;
  std::uint8_t *initialised = nullptr;
  std::uint64_t first = 0, bytes = 0; // addresses
  std::uint64_t prefix = 0;           // of the address that observers see
  const MemoryRegion *region = nullptr;
};

/// Where the first lane's address leads if it is the CTA's own shared memory or an allocation that
/// may be accessed in this way; no bytes otherwise.
Extent extentOf(Warp &warp, const AccessRequest &request, std::uint64_t address) {
  if (request.space == StateSpace::Shared) {
    const Cta &cta = warp.cta();
    return {.data = cta.shared,
            .initialised = cta.sharedInitialised.get(),
            .bytes = cta.sharedBytes,
            .prefix = std::uint64_t{cta.rank} << kSharedRankShift};
  }
  if (request.space != StateSpace::Global)
    return {};
  const MemoryRegion *region = warp.launch().memory->find(address);
  if (region == nullptr || (region->readOnly && request.kind != AccessKind::Read))
    return {};
  return {.data = region->data,
          .initialised = region->initialised,
          .first = region->address,
          .bytes = region->bytes,
          .prefix = region->address,
          .region = region};
}

/// The common case, without a branch for each lane: all lanes lie in one extent, aligned. False
/// when they do not, with nothing changed: then each lane is resolved, and reported, by itself.
bool resolveTogether(Warp &warp, LaneMask mask, const AccessRequest &request, std::uint64_t align,
                     LaneAccess &access) {
  const auto firstLane = static_cast<unsigned>(std::countr_zero(mask));
  const Extent extent = extentOf(warp, request, access.addresses[firstLane]);
  if (extent.bytes < request.bytes)
    return false;
  const std::uint64_t last = extent.bytes - request.bytes;
  std::uint64_t outside = 0;
  forLanes(mask, [&](unsigned lane) {
    const std::uint64_t address = access.addresses[lane];
    outside |= (address & (align - 1)) | std::uint64_t{address - extent.first > last};
  });
  if (outside)
    return false;
  forLanes(mask, [&](unsigned lane) {
    const std::uint64_t offset = access.addresses[lane] - extent.first;
    access.data[lane] = extent.data + offset;
    access.initialised[lane] = extent.initialised ? extent.initialised + offset : nullptr;
    access.addresses[lane] = extent.prefix + offset;
    access.regions[lane] = extent.region;
  });
  return true;
}

bool reportUninitialised(Warp &warp, const Instruction &i, unsigned lane,
                         const AccessRequest &request, StateSpace space, std::uint64_t address) {
  warp.fail(i, FaultKind::UninitialisedRead, lane,
            absl::StrFormat("%s of %d bytes at .%s address %#x, which nothing has written",
                            verb(request.kind), request.bytes, name(space), address));
  return false;
}

bool observe(Warp &warp, const Instruction &i, const AccessRequest &request, LaneAccess &access,
             LaneMask mask, StateSpace space) {
  WarpAccess event;
  event.kind = request.kind;
  event.proxy = request.proxy;
  event.ordering = request.ordering;
  event.scope = request.scope;
  event.space = space;
  event.mask = mask;
  event.bytes = request.bytes;
  event.addresses = access.addresses.data();
  event.regions = access.regions.data();
  return warp.observer()->access(warp, i, event);
}

} // namespace

void LaneAccess::mark(unsigned lane, std::uint32_t offset, std::uint32_t count,
                      bool written) const {
  std::uint8_t *bytes = initialised[lane];
  if (bytes == nullptr)
    return;
  // Neighbouring CTAs may mark neighbouring bytes; the same byte always gets the same value.
  std::uint32_t b = offset;
  if (reinterpret_cast<std::uintptr_t>(bytes + offset) % 4 == 0)
    for (; b + 4 <= offset + count; b += 4)
      __atomic_store_n(reinterpret_cast<std::uint32_t *>(bytes + b), written ? 0x01010101U : 0U,
                       __ATOMIC_RELAXED);
  for (; b < offset + count; ++b)
    __atomic_store_n(bytes + b, static_cast<std::uint8_t>(written), __ATOMIC_RELAXED);
}

bool LaneAccess::isWritten(unsigned lane, std::uint32_t offset, std::uint32_t count) const {
  return initialised[lane] == nullptr || !anyZero(initialised[lane] + offset, count);
}

bool accessMemory(Warp &warp, const Instruction &i, LaneMask mask, const Operand &address,
                  const AccessRequest &request, LaneAccess &access) {
  const auto displacement = static_cast<std::uint64_t>(address.displacement);
  if (address.kind == Operand::Kind::Value64) {
    const auto *lanes = laneArray<std::uint64_t>(warp, address);
    for (unsigned lane = 0; lane < kWarpSize; ++lane)
      access.addresses[lane] = lanes[lane] + displacement;
  } else {
    const auto *lanes = laneArray<std::uint32_t>(warp, address);
    for (unsigned lane = 0; lane < kWarpSize; ++lane)
      access.addresses[lane] = lanes[lane] + displacement;
  }
  return accessAddresses(warp, i, mask, request, access);
}

namespace {

/// Where the lanes of an access lie.
struct LaneSpaces {
  LaneMask shared = 0, global = 0;
};

/// Resolves lane by lane.
bool resolveEach(Warp &warp, const Instruction &i, LaneMask mask, const AccessRequest &request,
                 std::uint64_t align, LaneAccess &access, LaneSpaces &spaces) {
  Resolver resolver(warp, i, request.kind);
  for (LaneMask rest = mask; rest; rest &= rest - 1) {
    const auto lane = static_cast<unsigned>(std::countr_zero(rest));
    Place place;
    if (!resolver.resolve(lane, request.space, access.addresses[lane], request.bytes, align, place))
      return false;
    access.data[lane] = place.data;
    access.initialised[lane] = place.initialised;
    access.addresses[lane] = place.address;
    access.regions[lane] = place.region;
    access.local |= LaneMask{place.space == StateSpace::Local} << lane;
    spaces.shared |= LaneMask{place.space == StateSpace::Shared} << lane;
    spaces.global |= LaneMask{place.region != nullptr} << lane;
  }
  return true;
}

/// Finds the lanes of a read that touch bytes which nothing has written; false after a report.
bool checkWritten(Warp &warp, const Instruction &i, LaneMask mask, const AccessRequest &request,
                  LaneAccess &access, const LaneSpaces &spaces) {
  if (request.kind == AccessKind::Write)
    return true;
  access.incomplete = request.bytes == 4    ? incompleteLanes<4>(access, mask)
                      : request.bytes == 8  ? incompleteLanes<8>(access, mask)
                      : request.bytes == 16 ? incompleteLanes<16>(access, mask)
                                            : incompleteLanes(access, mask);
  if (access.incomplete == 0 || request.allowUninitialised)
    return true;
  const auto lane = static_cast<unsigned>(std::countr_zero(access.incomplete));
  const StateSpace space = spaces.shared >> lane & 1   ? StateSpace::Shared
                           : spaces.global >> lane & 1 ? StateSpace::Global
                           : access.local >> lane & 1  ? StateSpace::Local
                                                       : StateSpace::Parameter;
  return reportUninitialised(warp, i, lane, request, space, access.addresses[lane]);
}

} // namespace

bool accessAddresses(Warp &warp, const Instruction &i, LaneMask mask, const AccessRequest &request,
                     LaneAccess &access) {
  access.bytes = request.bytes;
  access.incomplete = access.local = 0;
  if (mask == 0)
    return true;
  const std::uint64_t align = request.align ? request.align : request.bytes;
  LaneSpaces spaces;
  if (resolveTogether(warp, mask, request, align, access))
    (request.space == StateSpace::Shared ? spaces.shared : spaces.global) = mask;
  else if (!resolveEach(warp, i, mask, request, align, access, spaces))
    return false;
  if (!checkWritten(warp, i, mask, request, access, spaces))
    return false;
  if (warp.launch().options.count)
    countAccess(warp.cluster().counts, access, spaces.shared, spaces.global);
  if (warp.observer() == nullptr || !request.observe)
    return true;
  return (spaces.shared == 0 ||
          observe(warp, i, request, access, spaces.shared, StateSpace::Shared)) &&
         (spaces.global == 0 ||
          observe(warp, i, request, access, spaces.global, StateSpace::Global));
}

void RangeAccess::markWritten(std::uint64_t bytes) const {
  if (initialised != nullptr)
    for (std::uint64_t b = 0; b < bytes; ++b)
      __atomic_store_n(initialised + b, std::uint8_t{1}, __ATOMIC_RELAXED);
}

std::uint64_t RangeAccess::firstUninitialised(std::uint64_t bytes) const {
  if (initialised == nullptr)
    return bytes;
  const void *zero = std::memchr(initialised, 0, bytes);
  return zero == nullptr
             ? bytes
             : static_cast<std::uint64_t>(static_cast<const std::uint8_t *>(zero) - initialised);
}

bool accessRange(Warp &warp, const Instruction &i, unsigned lane, std::uint64_t address,
                 std::uint64_t bytes, std::uint32_t align, AccessKind kind, StateSpace space,
                 RangeAccess &access) {
  Place place;
  if (!Resolver(warp, i, kind).resolve(lane, space, address, bytes, align, place))
    return false;
  access = {place.data, place.initialised, place.address, place.space};
  return true;
}

} // namespace qvlsim
