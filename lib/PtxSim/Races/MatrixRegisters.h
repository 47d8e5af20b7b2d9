// The rules of wgmma for registers (PTX ISA 9.0, section 9.7.15): wgmma.fence orders them with
// other instructions, wgmma.wait_group ends the use of them.
#pragma once

#include "Exec/Warp.h"
#include "Races/VectorClock.h"

#include "absl/container/flat_hash_map.h"

#include <optional>

namespace qvlsim::races {

/// A broken rule, and the line of the instruction that it is broken towards; 0: none.
struct RegisterFault {
  FaultKind kind;
  const char *rule;
  std::uint32_t otherLine = 0;
};

/// What one warp has done with accumulators and fragments of A.
class MatrixRegisters {
public:
  void fence() { ++fences_; }
  /// wgmma.mma_async, operation `number` of the warp.
  std::optional<RegisterFault> multiply(const Warp &warp, const Instruction &i, Clock number);
  /// Another instruction, which touches such registers.
  std::optional<RegisterFault> touch(const Warp &warp, const Instruction &i);
  void waited(Clock number) { completed_ = std::max(completed_, number); }

private:
  struct Register {
    Clock operation = 0; // the latest wgmma
    std::uint32_t operationLine = 0;
    bool accumulates = false; // what the wgmma does with it
    std::uint32_t shape = 0;
    // Since the last fence:
    std::uint64_t touched = 0, multiplied = 0; // number of that fence
    std::uint32_t touchedLine = 0;
    bool written = false;
  };

  // By the register's place in its frame.
  absl::flat_hash_map<const std::byte *, Register> registers_;
  std::uint64_t fences_ = 0;
  Clock completed_ = 0;
};

} // namespace qvlsim::races
