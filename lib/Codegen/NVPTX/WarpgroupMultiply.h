// Matrix products of a warpgroup (four warps) on bf16 with f32 sums: wgmma (PTX ISA 9.0, section
// 9.7.15; sm_90a). They run beside the instructions behind them until a wait.
#pragma once

#include "mlir/IR/ImplicitLocOpBuilder.h"

#include <cstdint>

namespace mlir::qvl {

/// Columns of an instruction here, and the sums of one thread.
inline constexpr int64_t kWarpgroupColumns = 128;
inline constexpr int64_t kWarpgroupSums = kWarpgroupColumns / 2;

/// The descriptor (i64) of the B operand at `pointer` in shared memory: a row of `rowBytes` (64 or
/// 128) for each column of B, k in order, whose 16-byte quads are swizzled: quad q of row r lies at
/// q ^ ((r / 2) mod 4) in rows of 64 bytes and at q ^ (r mod 8) in rows of 128. The first row's
/// address is a multiple of eight rows.
Value columnDescriptor(ImplicitLocOpBuilder &b, Value pointer, int64_t rowBytes);
/// The same rows, `bytes` further along k.
Value advanceDescriptor(ImplicitLocOpBuilder &b, Value descriptor, int64_t bytes);

/// Orders what the thread has written to shared memory before multiplications that read it behind
/// a barrier (fence.proxy.async).
void publishToMultiplies(ImplicitLocOpBuilder &b);

/// Starts `sums += A · B`, m64n128k16. Warp w has rows 16w to 16w + 15 of A and of the sums; `a` is
/// as of multiplyAdd() (TensorCore.h), and so are `sums[4j .. 4j + 3]` for columns 8j to 8j + 7.
/// The first multiplication of a run on the same sums fences their registers (wgmma.fence).
void startMultiplyAdd(ImplicitLocOpBuilder &b, ArrayRef<Value> a, Value descriptor,
                      MutableArrayRef<Value> sums, bool isFirst);

/// Waits for all multiplications of the warpgroup; `sums` hold their results from then on.
void waitForMultiplies(ImplicitLocOpBuilder &b, MutableArrayRef<Value> sums);

} // namespace mlir::qvl
