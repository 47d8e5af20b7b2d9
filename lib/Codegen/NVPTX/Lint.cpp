#include "PtxText.h"

#include "mlir/IR/Diagnostics.h"
#include "llvm/IR/InstIterator.h"
#include "llvm/IR/Instructions.h"
#include "llvm/IR/Intrinsics.h"

namespace mlir::qvl {
namespace {

/// Math that NVPTX has no instruction for: selecting it ends the process.
bool isUnsupportedMath(llvm::Intrinsic::ID intrinsic) {
  switch (intrinsic) {
  case llvm::Intrinsic::exp:
  case llvm::Intrinsic::exp10:
  case llvm::Intrinsic::log:
  case llvm::Intrinsic::log2:
  case llvm::Intrinsic::log10:
  case llvm::Intrinsic::sin:
  case llvm::Intrinsic::cos:
  case llvm::Intrinsic::tanh:
  case llvm::Intrinsic::pow:
  case llvm::Intrinsic::powi:
    return true;
  default:
    return false;
  }
}

LogicalResult lintCall(const llvm::CallInst &call, Location location) {
  const llvm::Function *callee = call.getCalledFunction();
  if (call.isInlineAsm())
    return success();
  StringRef kernel = call.getFunction()->getName();
  if (!callee)
    return emitError(location) << "kernel '" << kernel << "' would call through a pointer";
  if (!callee->isIntrinsic() || isUnsupportedMath(callee->getIntrinsicID()))
    return emitError(location) << "kernel '" << kernel << "' would call '" << callee->getName()
                               << "', which GPUs lack";
  return success();
}

} // namespace

LogicalResult lintIR(const llvm::Module &module, Location location) {
  for (const llvm::Function &function : module)
    for (const llvm::Instruction &instruction : llvm::instructions(function)) {
      if (isa<llvm::AllocaInst>(instruction))
        return emitError(location)
               << "kernel '" << function.getName() << "' would keep values in local memory";
      if (auto *call = dyn_cast<llvm::CallInst>(&instruction);
          call && failed(lintCall(*call, location)))
        return failure();
    }
  return success();
}

LogicalResult lintPtx(StringRef text, Location location) {
  while (!text.empty()) {
    auto [line, rest] = text.split('\n');
    text = rest;
    StringRef statement = line.trim();
    if (statement.starts_with(".extern") && !statement.starts_with(".extern .shared"))
      return emitError(location) << "a kernel needs what no module has: '" << statement << "'";
    if (statement.starts_with(".local"))
      return emitError(location) << "a kernel needs local memory: '" << statement << "'";
  }
  return success();
}

} // namespace mlir::qvl
