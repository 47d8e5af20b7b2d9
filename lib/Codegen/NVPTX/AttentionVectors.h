// Neighbouring elements of memory as f32 values in registers.
#pragma once

#include "mlir/IR/ImplicitLocOpBuilder.h"

#include <cstdint>

namespace mlir::qvl {

/// Loads `count` elements of type `stored`, f32 or bf16, as one vector from a pointer that is
/// aligned to `alignment` bytes.
Value loadVector(ImplicitLocOpBuilder &b, Type stored, int64_t count, Value pointer,
                 int64_t alignment);
/// The elements of a vector of f32 or bf16 as f32.
SmallVector<Value> wideElements(ImplicitLocOpBuilder &b, Value vector);
/// Loads `count` elements of type `stored`, f32 or bf16, from a pointer that is aligned to
/// `alignment` bytes.
SmallVector<Value> loadElements(ImplicitLocOpBuilder &b, Type stored, int64_t count, Value pointer,
                                int64_t alignment);
/// Stores f32 values as elements of type `stored`; bf16 rounds to nearest even.
void storeElements(ImplicitLocOpBuilder &b, ArrayRef<Value> values, Type stored, Value pointer,
                   int64_t alignment);

} // namespace mlir::qvl
