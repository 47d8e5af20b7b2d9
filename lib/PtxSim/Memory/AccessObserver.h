// What the race checks get to know: every access and every happens-before edge.
//
// One observer exists for a launch; it is null with races off. Members are called by the host
// threads that run clusters: those about global memory concurrently, those of one cluster by one
// thread at a time. A member that finds a broken rule calls Warp::fail and returns false.
#pragma once

#include "Module/Instruction.h"

#include <cstdint>
#include <span>

namespace qvlsim {

class Warp;
class Cta;
class Cluster;
struct MemoryRegion;

enum class AccessKind : std::uint8_t { Read, Write, Atomic };
enum class Proxy : std::uint8_t { Generic, Async, TensorMap };

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
};

/// A contiguous access by an asynchronous operation, after or while its issuing thread goes on.
struct BulkAccess {
  AccessKind kind = AccessKind::Read;
  Proxy proxy = Proxy::Async;
  StateSpace space = StateSpace::Shared;
  std::uint64_t address = 0; // as in WarpAccess
  std::uint64_t bytes = 0;
  std::uint64_t operation = 0; // identity of the asynchronous operation; see asyncIssue
};

class AccessObserver {
public:
  virtual ~AccessObserver() = default;

  // --- accesses ----------------------------------------------------------------------------------
  virtual bool access(Warp &, const Instruction &, const WarpAccess &) { return true; }
  /// By an asynchronous operation that `warp` issued.
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
  virtual bool clusterArrive(Warp &, const Instruction &, LaneMask mask, Ordering) { return true; }
  virtual bool clusterWait(Warp &, const Instruction &, LaneMask mask, Ordering) { return true; }

  // --- fences ----------------------------------------------------------------------------------
  virtual bool fence(Warp &, const Instruction &, LaneMask mask, Ordering, Scope) { return true; }
  /// fence.proxy.async and its relatives between two proxies.
  virtual bool proxyFence(Warp &, const Instruction &, LaneMask mask, Proxy from, Proxy to, Scope) {
    return true;
  }
  virtual bool mbarrierInitFence(Warp &, const Instruction &, LaneMask mask) { return true; }
  /// wgmma.fence.
  virtual bool matrixFence(Warp &, const Instruction &, LaneMask mask) { return true; }

  // --- mbarriers: `address` is rank << 24 | offset
  // --------------------------------------------------
  virtual bool mbarrierInit(Warp &, const Instruction &, LaneMask, std::uint64_t address) {
    return true;
  }
  virtual bool mbarrierInvalidate(Warp &, const Instruction &, LaneMask, std::uint64_t address) {
    return true;
  }
  virtual bool mbarrierArrive(Warp &, const Instruction &, LaneMask, std::uint64_t address,
                              Ordering, Scope) {
    return true;
  }
  /// A wait that succeeded: the phase that ended is `phase` (0, 1, 2, ... since init).
  virtual bool mbarrierWait(Warp &, const Instruction &, LaneMask, std::uint64_t address,
                            std::uint64_t phase, Ordering, Scope) {
    return true;
  }
  /// An asynchronous operation signals (complete_tx or an asynchronous arrive).
  virtual void mbarrierComplete(Cluster &, std::uint64_t address, std::uint64_t operation) {}
  virtual void mbarrierPhaseEnd(Cluster &, std::uint64_t address, std::uint64_t phase) {}

  // --- asynchronous operations
  // ---------------------------------------------------------------------
  /// Issue of an operation by lanes of a warp; returns its identity. Its accesses come through
  /// bulkAccess with this identity, before or after.
  virtual std::uint64_t asyncIssue(Warp &, const Instruction &, LaneMask) { return 0; }
  /// The operation's effects are visible to lanes of the warp (a group wait).
  virtual bool asyncWait(Warp &, const Instruction &, LaneMask, std::uint64_t operation) {
    return true;
  }

  // --- life
  // ------------------------------------------------------------------------------------------
  virtual void clusterBegin(Cluster &) {}
  virtual void clusterEnd(Cluster &) {}
};

} // namespace qvlsim
