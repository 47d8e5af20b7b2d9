// Warp-wide matrix instructions on bf16 with f32 sums: ldmatrix and mma.sync (PTX ISA 9.0, sections
// 9.7.14.5.15 and 9.7.14.5.8; compute capability 8.0).
#pragma once

#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace mlir::qvl {

/// Four 8x8 matrices of 16-bit elements from shared memory: lanes 8i to 8i + 7 give the 16-byte
/// aligned addresses of the rows of matrix i. Word i of the result (an i32) holds elements 2c and
/// 2c + 1 of row g of matrix i, with g = lane / 4 and c = lane mod 4; of its transpose when
/// `transposed`. All lanes of the warp take part.
SmallVector<Value> loadMatrices(ImplicitLocOpBuilder &b, Value pointer, bool transposed = false);

/// `sums += A · B`, m16n8k16. With g = lane / 4 and c = lane mod 4 a lane holds, two bf16 in each
/// i32 and the lower number in the lower half:
///
/// * `a[0..3]`: row g, k 2c and 2c + 1; row g + 8; row g, k 2c + 8 and 2c + 9; row g + 8;
/// * `b0`, `b1`: column g, k 2c and 2c + 1; k 2c + 8 and 2c + 9;
/// * `sums[0..3]` (f32): row g, columns 2c and 2c + 1; row g + 8.
void multiplyAdd(ImplicitLocOpBuilder &b, ArrayRef<Value> a, Value b0, Value b1,
                 MutableArrayRef<Value> sums);

} // namespace mlir::qvl
