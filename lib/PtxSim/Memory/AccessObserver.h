// What the race checks get to know: every access and every happens-before edge.
//
// One observer exists for a launch; it is null with races off. Members are called by the host
// threads that run clusters: those about global memory concurrently, those of one cluster by one
// thread at a time. A member that finds a broken rule calls Warp::fail and returns false.
#pragma once

#include "Module/Instruction.h"

#include <cstdint>
#include <optional>

namespace qvlsim {

class Warp;
class Cta;
class Cluster;
struct MemoryRegion;

enum class AccessKind : std::uint8_t { Read, Write, Atomic };
enum class Proxy : std::uint8_t { Generic, Async, TensorMap };

/// Groups of asynchronous operations of a thread that it waits for: cp.async, bulk copies out of
/// shared memory, wgmma.
enum class AsyncGroup : std::uint8_t { Copy, Bulk, Matrix };

/// What will tell of the completion of an asynchronous operation: a wait for its group, or a phase
/// of an mbarrier.
struct Completion {
  AsyncGroup group = AsyncGroup::Copy;
  std::optional<std::uint64_t> mbarrier = std::nullopt; // rank << 24 | offset
};

/// A warp-wide access: lane L of `mask` touches [address[L], address[L] + bytes).
struct WarpAccess {
  AccessKind kind = AccessKind::Read;
  Proxy proxy = Proxy::Generic;
  Ordering ordering = Ordering::Weak;
  Scope scope = Scope::None;
  StateSpace space = StateSpace::Global; // Global or Shared; other spaces are private or constant
  LaneMask mask = 0;
  std::uint32_t bytes = 0;
  // Global: device addresses. Shared: rank << 24 | offset.
  const std::uint64_t *addresses = nullptr;
  // Global: the region of each lane.
  const MemoryRegion *const *regions = nullptr;
  // By an asynchronous operation that the lanes have just issued; null: by the lanes themselves.
  const Completion *completion = nullptr;
};

/// A contiguous access, told when the operation is issued.
struct BulkAccess {
  AccessKind kind = AccessKind::Read;
  Proxy proxy = Proxy::Async;
  StateSpace space = StateSpace::Shared;
  LaneMask lanes = 0;        // of the threads that issued it
  std::uint64_t address = 0; // as in WarpAccess
  std::uint64_t bytes = 0;
  const Completion *completion = nullptr; // as in WarpAccess
};

class AccessObserver {
public:
  virtual ~AccessObserver() = default;

  // --- accesses --------------------------------------------------------------------------------
  virtual bool access(Warp &, const Instruction &, const WarpAccess &) { return true; }
  virtual bool bulkAccess(Warp &warp, const Instruction &, const BulkAccess &) { return true; }

  // --- order inside a CTA or cluster -----------------------------------------------------------
  /// `mask` of the warp arrives at barrier `id` of its CTA, and (later) leaves it.
  virtual bool barrierArrive(Warp &, const Instruction &, LaneMask mask, unsigned id) {
    return true;
  }
  virtual bool barrierLeave(Warp &, const Instruction &, LaneMask mask, unsigned id) {
    return true;
  }
  /// bar.warp.sync and the .sync collectives order the lanes of `mask`.
  virtual bool warpSync(Warp &, const Instruction &, LaneMask mask) { return true; }
  /// barrier.cluster; `generation` counts its uses.
  virtual bool clusterArrive(Warp &, const Instruction &, LaneMask mask, Ordering,
                             std::uint64_t generation) {
    return true;
  }
  virtual bool clusterWait(Warp &, const Instruction &, LaneMask mask, std::uint64_t generation) {
    return true;
  }

  // --- fences ----------------------------------------------------------------------------------
  virtual bool fence(Warp &, const Instruction &, LaneMask mask, Ordering, Scope) { return true; }
  /// fence.proxy.async and its relatives between two proxies.
  virtual bool proxyFence(Warp &, const Instruction &, LaneMask mask, Proxy from, Proxy to, Scope) {
    return true;
  }
  virtual bool mbarrierInitFence(Warp &, const Instruction &, LaneMask mask) { return true; }

  // --- wgmma and registers ---------------------------------------------------------------------
  /// wgmma.fence.
  virtual bool matrixFence(Warp &, const Instruction &, LaneMask mask) { return true; }
  /// wgmma.mma_async, the operation that asyncIssue has just named.
  virtual bool matrixIssue(Warp &, const Instruction &, std::uint64_t operation) { return true; }
  /// Before another instruction that touches the registers of one.
  virtual bool matrixRegisterAccess(Warp &, const Instruction &, LaneMask mask) { return true; }

  // --- mbarriers: `address` is rank << 24 | offset ---------------------------------------------
  virtual bool mbarrierInit(Warp &, const Instruction &, LaneMask, std::uint64_t address) {
    return true;
  }
  virtual bool mbarrierInvalidate(Warp &, const Instruction &, LaneMask, std::uint64_t address) {
    return true;
  }
  /// Before the arrival of the lanes, or another operation of theirs that counts.
  virtual bool mbarrierArrive(Warp &, const Instruction &, LaneMask, std::uint64_t address,
                              Ordering, Scope) {
    return true;
  }
  /// A wait that succeeded.
  virtual bool mbarrierWait(Warp &, const Instruction &, LaneMask, std::uint64_t address, Ordering,
                            Scope) {
    return true;
  }
  virtual void mbarrierPhaseEnd(Cluster &, std::uint64_t address) {}

  // --- asynchronous operations -----------------------------------------------------------------
  /// Issue of an operation of a group; returns its number, which grows in each group of a warp.
  virtual std::uint64_t asyncIssue(Warp &, const Instruction &, LaneMask, AsyncGroup) { return 0; }
  /// The lanes have waited for the operation; with `onlyReads`, for it to have read its source.
  virtual bool asyncWait(Warp &, const Instruction &, LaneMask, AsyncGroup, std::uint64_t operation,
                         bool onlyReads) {
    return true;
  }
  /// cp.async.mbarrier.arrive: the lanes' copies up to this one are complete, and the mbarrier
  /// hears of it.
  virtual bool asyncArrive(Warp &, const Instruction &, LaneMask, std::uint64_t mbarrier,
                           std::uint64_t operation) {
    return true;
  }
  /// Issue of a copy that completes on an mbarrier; the copies of one mbarrier complete in order.
  virtual bool asyncIssueTowards(Warp &, const Instruction &, LaneMask, std::uint64_t mbarrier) {
    return true;
  }
  virtual void asyncCompleteTowards(Cluster &, std::uint64_t mbarrier) {}

  // --- life ------------------------------------------------------------------------------------
  virtual void clusterBegin(Cluster &) {}
  virtual void clusterEnd(Cluster &) {}
  /// All threads of the CTA have exited, and with them its shared memory is gone.
  virtual bool ctaEnd(Cta &) { return true; }
};

} // namespace qvlsim
