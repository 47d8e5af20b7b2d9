// The one path by which instructions reach memory.
//
// Usage in a handler:
//     AccessRequest request{.kind = AccessKind::Read, .space = i.space, .bytes = 16};
//     LaneAccess access;
//     if (!accessMemory(warp, i, mask, i.operands[k], request, access)) return Step::Fault;
//     for each lane of mask: loadBytes(access.data[lane], ...)
// Writers call access.markWritten(mask) after storing.
#pragma once

#include "Memory/AccessObserver.h"
#include "Module/Instruction.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace qvlsim {

struct AccessRequest {
  AccessKind kind = AccessKind::Read;
  StateSpace space = StateSpace::Generic;
  std::uint32_t bytes = 0; // of one lane; the address must be a multiple (see `align`)
  std::uint32_t align = 0; // 0: `bytes`
  Ordering ordering = Ordering::Weak;
  Scope scope = Scope::None;
  Proxy proxy = Proxy::Generic;
  bool observe = true; // false: the caller tells the observer itself (asynchronous copies)
  // Lanes with bytes that nothing has written are no fault; LaneAccess::incomplete names them.
  bool allowUninitialised = false;
};

/// Host storage of the lanes of an access.
struct LaneAccess {
  std::array<std::byte *, kWarpSize> data;           // valid for lanes of the mask
  std::array<std::uint8_t *, kWarpSize> initialised; // null: always initialised
  std::array<std::uint64_t, kWarpSize> addresses;    // device address or rank << 24 | offset
  std::array<const MemoryRegion *, kWarpSize> regions;
  std::uint32_t bytes = 0;
  LaneMask incomplete = 0; // lanes that read a byte which nothing has written
  LaneMask local = 0;      // lanes whose address lies in local memory

  void markWritten(LaneMask mask) const {
    for (LaneMask rest = mask; rest; rest &= rest - 1)
      markLane(static_cast<unsigned>(__builtin_ctz(rest)), bytes);
  }
  void markLane(unsigned lane, std::uint32_t count) const { mark(lane, 0, count, true); }
  /// Marks `count` bytes from `offset` as written, or as not written.
  void mark(unsigned lane, std::uint32_t offset, std::uint32_t count, bool written) const;
  /// Whether all of those bytes have been written.
  bool isWritten(unsigned lane, std::uint32_t offset, std::uint32_t count) const;
};

/// Checks the addresses of the lanes of `mask` (operand plus its displacement) and finds their
/// storage. False after Warp::fail.
bool accessMemory(Warp &warp, const Instruction &i, LaneMask mask, const Operand &address,
                  const AccessRequest &request, LaneAccess &access);
/// The same for addresses that are computed by the caller, in `access.addresses`.
bool accessAddresses(Warp &warp, const Instruction &i, LaneMask mask, const AccessRequest &request,
                     LaneAccess &access);

/// A contiguous range for asynchronous and bulk operations, on behalf of one lane. Shared ranges
/// lie in one CTA. Gives the storage; false after Warp::fail.
struct RangeAccess {
  std::byte *data = nullptr;
  std::uint8_t *initialised = nullptr;   // null: always initialised
  std::uint64_t address = 0;             // normalised as in WarpAccess
  StateSpace space = StateSpace::Global; // Global, Shared, ...: where a generic address led

  void markWritten(std::uint64_t bytes) const;
  /// First byte that is not initialised, or `bytes`.
  std::uint64_t firstUninitialised(std::uint64_t bytes) const;
};
bool accessRange(Warp &warp, const Instruction &i, unsigned lane, std::uint64_t address,
                 std::uint64_t bytes, std::uint32_t align, AccessKind kind, StateSpace space,
                 RangeAccess &access);

/// Single-copy accesses of 1, 2, 4 or 8 aligned bytes: relaxed atomics, since CTAs run on several
/// host threads.
template <typename T> T loadValue(const std::byte *from) {
  return __atomic_load_n(reinterpret_cast<const T *>(from), __ATOMIC_RELAXED);
}
template <typename T> void storeValue(std::byte *to, T value) {
  __atomic_store_n(reinterpret_cast<T *>(to), value, __ATOMIC_RELAXED);
}

} // namespace qvlsim
