// Exchange of registers between the lanes of a warp, and single instructions of sm_80 that `arith`
// and `math` have no op for. All lanes of the warp take part in what exchanges.
#pragma once

#include "mlir/IR/ImplicitLocOpBuilder.h"

#include <cstdint>

namespace mlir::qvl {

/// The value (i32, f32 or i64) of the lane whose number differs by exclusive or with `mask`.
Value shuffleXor(ImplicitLocOpBuilder &b, Value value, int64_t mask);
/// The value (i32 or f32) of lane `lane` (i32).
Value shuffleFrom(ImplicitLocOpBuilder &b, Value value, Value lane);
/// Combines the values of `lanes` neighbouring lanes (a power of two), nearest first; each of them
/// has the result.
Value reduceLanes(ImplicitLocOpBuilder &b, Value value, int64_t lanes,
                  llvm::function_ref<Value(Value, Value)> combine);
/// bar.warp.sync: orders the lanes' accesses to memory.
void synchronizeWarp(ImplicitLocOpBuilder &b);

/// The value (index), computed anew at this place: nothing derived from it moves out of a loop
/// around it. Many addresses that differ by constants then take one register and not one each.
Value recomputed(ImplicitLocOpBuilder &b, Value value);

/// Two f32 rounded to nearest even as a pair of bf16 in an i32, `low` in the lower half.
Value packBf16(ImplicitLocOpBuilder &b, Value low, Value high);

/// ex2.approx: 2 to the power of an f32 with a relative error of at most 2^-22 (PTX ISA 9.0,
/// section 9.7.3.21); minus infinity gives zero, and so do results below the normal numbers.
Value approximateExp2(ImplicitLocOpBuilder &b, Value value);

} // namespace mlir::qvl
