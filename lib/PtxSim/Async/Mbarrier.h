// Mbarrier objects (PTX ISA 9.0, section 9.7.13.15).
//
// The state of an mbarrier lies in a table of its CTA. The eight bytes in shared memory hold a
// mark, so that an object which plain stores have overwritten is found out.
#pragma once

#include "Exec/Cta.h"

#include <cstdint>
#include <unordered_map>

namespace qvlsim {

/// Arrival and transaction counts lie in [0, 2^20 - 1] and [-(2^20 - 1), 2^20 - 1].
inline constexpr std::int64_t kMbarrierLimit = (1 << 20) - 1;

struct Mbarrier {
  std::uint32_t expected = 0; // arrivals of the next phase
  std::uint32_t pending = 0;  // arrivals that the current phase still needs
  std::int64_t transactions = 0;
  std::uint64_t phase = 0; // completed phases since init
};

struct MbarrierTable : Extension {
  std::unordered_map<std::uint32_t, Mbarrier> byOffset;
};

/// How an arrival counts.
struct Arrival {
  std::uint32_t count = 1;
  bool drop = false;       // also expects `count` fewer arrivals from the next phase on
  bool mayComplete = true; // false: .noComplete
  std::int64_t expect = 0; // transaction bytes added before the arrival
};

/// Operations on the object at `address` (rank << 24 | offset) on behalf of a lane; each returns
/// false after Warp::fail. Completing a phase wakes the cluster.
bool initMbarrier(Warp &warp, const Instruction &i, unsigned lane, std::uint64_t address,
                  std::uint32_t count);
bool invalidateMbarrier(Warp &warp, const Instruction &i, unsigned lane, std::uint64_t address);
/// Null after Warp::fail: never initialised, or overwritten.
Mbarrier *findMbarrier(Warp &warp, const Instruction &i, unsigned lane, std::uint64_t address);
bool arriveMbarrier(Warp &warp, const Instruction &i, unsigned lane, std::uint64_t address,
                    const Arrival &arrival);
/// Adds to the pending transactions; negative: completes.
bool addTransactions(Warp &warp, const Instruction &i, unsigned lane, std::uint64_t address,
                     std::int64_t bytes);

/// WarpWait::describe of a warp that waits for the phase of an mbarrier.
std::string describeMbarrierWait(const Warp &warp);

/// The state word of an arrival: the phase, and the pending count for mbarrier.pending_count.
std::uint64_t mbarrierToken(const Mbarrier &barrier);

} // namespace qvlsim
