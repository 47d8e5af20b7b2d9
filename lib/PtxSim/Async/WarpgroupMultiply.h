// One warp's share of a wgmma: 16 of the 64 rows.
#pragma once

#include "Async/MatrixDescriptor.h"
#include "Exec/Warp.h"

#include <cstdint>
#include <optional>
#include <vector>

namespace qvlsim {

/// The static form of a wgmma.mma_async, out of Instruction: type is that of D, sourceType and
/// variant2 those of A and B.
struct WarpgroupForm {
  Type result, a, b;
  unsigned n = 8, k = 16;
  bool aInRegisters = false, negateA = false, negateB = false;
  bool aMnMajor = false, bMnMajor = false, saturate = false;

  unsigned elementBytes() const { return 32 / k; } // K spans 32 bytes in every form
};

/// What an issued wgmma has to remember until it takes effect.
struct PendingMultiply {
  const Instruction *instruction = nullptr;
  const Function *function = nullptr; // whose registers it uses
  std::byte *registers = nullptr;     // of the frame
  std::uint64_t descriptorA = 0, descriptorB = 0;
  bool accumulate = true;
  std::uint64_t operation = 0;
};

/// Shared-memory offsets of the 16-byte chunks that the warp reads: rows of A unless it lies in
/// registers, and all of B.
std::vector<std::uint32_t> operandChunks(const WarpgroupForm &form, const PendingMultiply &pending,
                                         unsigned warpInGroup);

/// D = A B (+ D). False after Warp::fail: out of bounds, uninitialised.
bool performMultiply(Warp &warp, const WarpgroupForm &form, const PendingMultiply &pending);

} // namespace qvlsim
