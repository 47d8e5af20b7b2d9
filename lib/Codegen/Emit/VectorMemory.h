// Scalars and vectors in memory behind !llvm.ptr, in any address space.
#pragma once

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace mlir::qvl {

/// An index constant.
Value constantIndex(ImplicitLocOpBuilder &b, int64_t value);
/// `value` of a float type, or of a vector of it in every lane.
Value constantFloat(ImplicitLocOpBuilder &b, Type type, double value);

/// `base + index` elements of type `element`; `index` is of type index.
Value elementPointer(ImplicitLocOpBuilder &b, Type element, Value base, Value index);
/// `base + index` elements with a constant index.
Value elementPointer(ImplicitLocOpBuilder &b, Type element, Value base, int64_t index);

/// Loads a scalar or vector. `alignment` of the pointer in bytes; 0 means that of the element.
Value load(ImplicitLocOpBuilder &b, Type type, Value pointer, int64_t alignment = 0);
/// Loads an i32 and extends it, with its sign, to index.
Value loadIndex(ImplicitLocOpBuilder &b, Value pointer);
/// Stores a scalar or vector; `alignment` as of load().
void store(ImplicitLocOpBuilder &b, Value value, Value pointer, int64_t alignment = 0);

/// Loads activations, f32 or bf16, as vectors of f32. With a mask, the other lanes are zero and not
/// read. `alignment` as of load().
Value loadFloats(ImplicitLocOpBuilder &b, VectorType type, Type element, Value pointer,
                 Value mask = {}, int64_t alignment = 0);
/// Stores a vector of f32 as activations, f32 or bf16; bf16 rounds to nearest even and keeps NaN.
/// With a mask, the other lanes are not written. `alignment` as of load().
void storeFloats(ImplicitLocOpBuilder &b, Value value, Type element, Value pointer, Value mask = {},
                 int64_t alignment = 0);

/// The bits of the nearest bf16 of each lane of an f32 vector, ties to even; NaN stays NaN. In
/// 32-bit integers: most targets have no instruction for it, LLVM would call a library, and it
/// chooses between vectors of bf16 lane by lane.
Value roundToBf16(ImplicitLocOpBuilder &b, Value value);

/// Lanes below `count` (of type index).
Value laneMask(ImplicitLocOpBuilder &b, int64_t lanes, Value count);
/// Loads the lanes of the mask and zeroes the others, which are not read.
Value maskedLoad(ImplicitLocOpBuilder &b, VectorType type, Value pointer, Value mask);
/// Stores the lanes of the mask only.
void maskedStore(ImplicitLocOpBuilder &b, Value value, Value pointer, Value mask);

} // namespace mlir::qvl
