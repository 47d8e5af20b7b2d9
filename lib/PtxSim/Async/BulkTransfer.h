// Bulk copies in flight (PTX ISA 9.0, section 9.7.9.25.4).
#pragma once

#include "Exec/Warp.h"
#include "Memory/Access.h"

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <vector>

namespace qvlsim {

/// A copy out of shared memory in two steps, which a program can tell apart: it may overwrite the
/// source after `read`, and others see the result after `write`. Both return false after
/// Warp::fail.
struct BulkStore {
  Warp *warp = nullptr;
  const Instruction *instruction = nullptr;
  unsigned lane = 0;
  std::uint64_t operation = 0; // for the observer
  std::function<bool()> read, write;
  bool wasRead = false, wasWritten = false;

  bool finishRead();
  bool finishWrite();
};

/// Bulk groups of the threads of a warp.
struct BulkGroups : Extension {
  using Group = std::vector<std::shared_ptr<BulkStore>>;
  struct Thread {
    Group open;
    std::deque<Group> committed;
  };
  std::array<Thread, kWarpSize> threads;
};

/// Starts a store: performed at once in early mode, otherwise at the waits of its thread, at the
/// latest when the cluster ends. False after Warp::fail.
bool issueBulkStore(std::shared_ptr<BulkStore> store);

/// Tells the observer that a copy starts which completes on the mbarrier (rank << 24 | offset).
bool observeBulkLoad(Warp &warp, const Instruction &i, unsigned lane, std::uint64_t mbarrier);

/// Starts that copy: completes `bytes` transactions of the mbarrier after `perform`. False after
/// Warp::fail.
bool issueBulkLoad(Warp &warp, const Instruction &i, unsigned lane, std::uint64_t mbarrier,
                   std::uint64_t bytes, std::function<bool()> perform);

/// The own CTA's mbarrier (or one of the cluster) that an operand of one lane names, normalised.
bool resolveMbarrier(Warp &warp, const Instruction &i, unsigned lane, std::uint64_t address,
                     StateSpace space, std::uint64_t &normalised);

/// Calls load(shared address, mbarrier), both as rank << 24 | offset, for each CTA of the multicast
/// mask in an operand: the offsets are the same in all of them. False after Warp::fail, as for a
/// mask that names no CTA or one that the cluster does not have.
bool forMulticastTargets(Warp &warp, const Instruction &i, unsigned lane, const Operand &mask,
                         std::uint64_t shared, std::uint64_t mbarrier,
                         const std::function<bool(std::uint64_t, std::uint64_t)> &load);

/// Marks a destination as poisoned until the copy lands (late mode).
void poisonRange(const RangeAccess &range, std::uint64_t bytes);

/// False after Warp::fail(UninitialisedRead) when the source has bytes that nothing has written.
bool requireInitialised(Warp &warp, const Instruction &i, unsigned lane, const RangeAccess &range,
                        std::uint64_t bytes);

/// Tells the observer of one range of an operation of the lane; null: an access at its issue.
bool observeBulk(Warp &warp, const Instruction &i, unsigned lane, AccessKind kind,
                 const RangeAccess &range, std::uint64_t bytes, const Completion *completion,
                 Proxy proxy = Proxy::Async);

} // namespace qvlsim
