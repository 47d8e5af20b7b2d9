#include "AsyncCopy.h"

#include "mlir/Dialect/LLVMIR/NVVMDialect.h"

namespace mlir::qvl {

void copyAsync(ImplicitLocOpBuilder &b, Value shared, Value global, int64_t bytes,
               Value sourceBytes) {
  // The form that passes by the L1 cache exists for 16 bytes only.
  auto cache = bytes == 16 ? NVVM::LoadCacheModifierKind::CG : NVVM::LoadCacheModifierKind::CA;
  NVVM::CpAsyncOp::create(b, shared, global, static_cast<uint32_t>(bytes), cache, sourceBytes);
}

void commitCopies(ImplicitLocOpBuilder &b) { NVVM::CpAsyncCommitGroupOp::create(b); }

void waitForCopies(ImplicitLocOpBuilder &b, int64_t pending) {
  NVVM::CpAsyncWaitGroupOp::create(b, static_cast<uint32_t>(pending));
}

} // namespace mlir::qvl
