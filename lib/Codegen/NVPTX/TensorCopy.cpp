#include "TensorCopy.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"

namespace mlir::qvl {
namespace {

constexpr unsigned kClusterMemory = 7;    // address space of the shared memory of a cluster
constexpr int64_t kWaitHint = 10'000'000; // nanoseconds that a thread may sleep between two looks

Value word(ImplicitLocOpBuilder &b, int64_t value) {
  return arith::ConstantIntOp::create(b, value, 32);
}

} // namespace

void openBarrier(ImplicitLocOpBuilder &b, Value barrier, int64_t arrivals) {
  NVVM::MBarrierInitOp::create(b, barrier, word(b, arrivals), /*predicate=*/Value());
}

void publishBarriers(ImplicitLocOpBuilder &b) { NVVM::FenceMbarrierInitOp::create(b); }

void arrive(ImplicitLocOpBuilder &b, Value barrier) {
  NVVM::MBarrierArriveOp::create(b, b.getI64Type(), barrier, /*count=*/Value());
}

void arriveForCopies(ImplicitLocOpBuilder &b, Value barrier, int64_t bytes) {
  NVVM::MBarrierArriveExpectTxOp::create(b, /*res=*/Type(), barrier, word(b, bytes),
                                         NVVM::MemScopeKind::CTA, /*relaxed=*/false,
                                         /*predicate=*/Value());
}

void waitForPhase(ImplicitLocOpBuilder &b, Value barrier, Value parity) {
  NVVM::MBarrierTryWaitParityOp::create(b, barrier, parity, word(b, kWaitHint));
}

void copyBox(ImplicitLocOpBuilder &b, Value shared, Value map, ValueRange coordinates,
             Value barrier) {
  auto cluster = LLVM::LLVMPointerType::get(b.getContext(), kClusterMemory);
  Value target = LLVM::AddrSpaceCastOp::create(b, cluster, shared);
  NVVM::CpAsyncBulkTensorGlobalToSharedClusterOp::create(
      b, target, map, coordinates, barrier, /*im2colOffsets=*/ValueRange(),
      /*multicastMask=*/Value(), /*l2CacheHint=*/Value(), NVVM::TMALoadMode::TILE,
      /*isCTAOnly=*/false, /*group=*/nullptr, /*predicate=*/Value());
}

void leaveRegisters(ImplicitLocOpBuilder &b, int64_t count) {
  NVVM::SetMaxRegisterOp::create(b, static_cast<uint32_t>(count),
                                 NVVM::SetMaxRegisterAction::decrease);
}

void takeRegisters(ImplicitLocOpBuilder &b, int64_t count) {
  NVVM::SetMaxRegisterOp::create(b, static_cast<uint32_t>(count),
                                 NVVM::SetMaxRegisterAction::increase);
}

} // namespace mlir::qvl
