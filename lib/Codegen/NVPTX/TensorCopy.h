// Copies of boxes of tensors to shared memory, and what goes with them: barriers in shared memory,
// and registers that warpgroups hand to one another (PTX ISA 9.0, sections 9.7.9.27, 9.7.13.15 and
// 9.7.19.5; sm_90a).
#pragma once

#include "mlir/IR/ImplicitLocOpBuilder.h"

#include <cstdint>

namespace mlir::qvl {

/// Bytes of a barrier; its address is a multiple of them.
inline constexpr int64_t kBarrierBytes = 8;

/// Makes a barrier whose phases end with `arrivals` arrivals and with the bytes that they announce.
/// One thread does it for the block; publishBarriers() and a barrier of the block follow.
void openBarrier(ImplicitLocOpBuilder &b, Value barrier, int64_t arrivals);
void publishBarriers(ImplicitLocOpBuilder &b);

/// One arrival. What the thread read and wrote before is ordered before what others do behind the
/// phase.
void arrive(ImplicitLocOpBuilder &b, Value barrier);
/// One arrival that announces copies of `bytes` in this phase.
void arriveForCopies(ImplicitLocOpBuilder &b, Value barrier, int64_t bytes);
/// Waits until phase `n` has ended, given `parity` = n mod 2 (i32). Phase -1 always has.
void waitForPhase(ImplicitLocOpBuilder &b, Value barrier, Value parity);

/// Starts the copy of the box at `coordinates` (i32, innermost first) of the tensor that `map`
/// describes, to be counted by `barrier`. What lies outside of the tensor is copied as zeros and
/// counts. The order of quads is that of the map's swizzle of addresses.
void copyBox(ImplicitLocOpBuilder &b, Value shared, Value map, ValueRange coordinates,
             Value barrier);

/// Leaves `count` registers (a multiple of 8) to each thread of the warpgroup and gives the rest to
/// the block; takeRegisters() waits until it can have that many.
void leaveRegisters(ImplicitLocOpBuilder &b, int64_t count);
void takeRegisters(ImplicitLocOpBuilder &b, int64_t count);

} // namespace mlir::qvl
