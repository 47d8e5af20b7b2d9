// Asynchronous copies from global to shared memory (PTX ISA 9.0, section 9.7.9.25.3; compute
// capability 8.0).
#pragma once

#include "mlir/IR/ImplicitLocOpBuilder.h"

#include <cstdint>

namespace mlir::qvl {

/// Copies `bytes` (4, 8 or 16, to which both pointers are aligned) of this thread. With
/// `sourceBytes` (i32, 0 to `bytes`) only so many are read and the rest of the destination becomes
/// zero; with 0 the source is not touched. Copies of 16 bytes stay out of the L1 cache.
void copyAsync(ImplicitLocOpBuilder &b, Value shared, Value global, int64_t bytes,
               Value sourceBytes = {});

/// Makes a group of the thread's copies since the last one.
void commitCopies(ImplicitLocOpBuilder &b);

/// Waits until at most `pending` of the thread's latest groups are under way. What other threads
/// copied is there after a barrier behind their wait.
void waitForCopies(ImplicitLocOpBuilder &b, int64_t pending);

} // namespace mlir::qvl
