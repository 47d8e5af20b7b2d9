// Instructions that the threads of a warp execute together, and asynchronous copies to shared
// memory: sm_80 and later.
#pragma once

#include "mlir/IR/ImplicitLocOpBuilder.h"

#include <array>
#include <cstdint>

namespace mlir::qvl {

/// The words (i32) of an mma operand in one lane, and its f32 accumulators.
using MatrixWords = std::array<Value, 4>;
using Accumulators = std::array<Value, 4>;

/// ldmatrix.x4: word `i` of lane `4 * g + t` holds elements 2t and 2t + 1 of row `g` of the 8x8
/// matrix of 16-bit elements whose row `r` starts at the pointer (16-byte aligned, !llvm.ptr<3>) of
/// lane `8 * i + r`. Transposed: elements [2t][g] and [2t + 1][g] (PTX ISA 9.0,
/// section 9.7.14.5.15).
MatrixWords loadMatrices(ImplicitLocOpBuilder &b, Value pointer, bool transposed = false);

/// mma.m16n8k16 of bf16 with f32 accumulators: `c + a * b`. Lane `4 * g + t` holds of A the pairs
/// [g][2t], [g + 8][2t], [g][2t + 8], [g + 8][2t + 8], of B the pairs [2t][g], [2t + 8][g] along k,
/// and of C the elements [g][2t], [g][2t + 1], [g + 8][2t], [g + 8][2t + 1].
Accumulators multiplyAdd(ImplicitLocOpBuilder &b, const MatrixWords &a, std::array<Value, 2> bWords,
                         const Accumulators &c);

/// Two f32 rounded to nearest even as a pair of bf16 in an i32, `low` in the low half.
Value packBf16(ImplicitLocOpBuilder &b, Value low, Value high);

/// cp.async of `bytes` (4, 8 or 16, to which both pointers are aligned) from !llvm.ptr<1> to
/// !llvm.ptr<3>. Where `present` (i1) is false nothing is read and the destination becomes zero.
void copyAsync(ImplicitLocOpBuilder &b, Value shared, Value global, int64_t bytes,
               Value present = {});
/// Closes a group of copies of this thread.
void commitCopies(ImplicitLocOpBuilder &b);
/// Waits until at most `pending` groups of this thread are under way.
void waitForCopies(ImplicitLocOpBuilder &b, int64_t pending);

/// The value (i32 or f32) of the lane whose number differs by exclusive or with `mask`.
Value shuffleXor(ImplicitLocOpBuilder &b, Value value, int64_t mask);
/// The value (i32 or f32) of lane `lane` (i32).
Value shuffleFrom(ImplicitLocOpBuilder &b, Value value, Value lane);
/// Combines the values of `lanes` neighbouring lanes (a power of two), so that each of them has the
/// result; neighbours first.
Value reduceLanes(ImplicitLocOpBuilder &b, Value value, int64_t lanes,
                  llvm::function_ref<Value(Value, Value)> combine);
/// bar.warp.sync of all lanes: orders their accesses to memory.
void synchronizeWarp(ImplicitLocOpBuilder &b);

/// ex2.approx: 2 to the power of an f32, relative error at most 2^-22 (PTX ISA 9.0, section
/// 9.7.3.21); minus infinity gives zero, denormal results are zero.
Value approximateExp2(ImplicitLocOpBuilder &b, Value value);

} // namespace mlir::qvl
