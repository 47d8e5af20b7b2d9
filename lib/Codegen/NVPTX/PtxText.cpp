#include "PtxText.h"

#include "../Lower/KernelModules.h"

#include "mlir/Target/LLVMIR/Export.h"
#include "llvm/IR/InstIterator.h"
#include "llvm/IR/IntrinsicInst.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Support/TargetSelect.h"

namespace mlir::qvl {
namespace {

const llvm::Triple &gpuTriple() {
  static const llvm::Triple triple("nvptx64-nvidia-cuda");
  return triple;
}

const llvm::Target *nvptxTarget() {
  static const llvm::Target *target = [] {
    LLVMInitializeNVPTXTargetInfo();
    LLVMInitializeNVPTXTarget();
    LLVMInitializeNVPTXTargetMC();
    LLVMInitializeNVPTXAsmPrinter();
    std::string error;
    return llvm::TargetRegistry::lookupTarget(gpuTriple(), error);
  }();
  return target;
}

std::unique_ptr<llvm::TargetMachine> createTargetMachine(const NVPTXChip &chip) {
  const llvm::Target *target = nvptxTarget();
  if (!target)
    return nullptr;
  // The default of AllowFPOpFusion fuses nothing but the fused operations that the emitters wrote.
  llvm::TargetOptions options;
  return std::unique_ptr<llvm::TargetMachine>(
      target->createTargetMachine(gpuTriple(), chip.name, chip.features, options, std::nullopt,
                                  std::nullopt, llvm::CodeGenOptLevel::Aggressive));
}

/// Instructions that all lanes of a warp execute together must not move into a branch. The NVVM
/// dialect writes some of them as assembly without saying so, and matrix instructions as
/// arithmetic.
void markConvergent(llvm::Module &module) {
  for (llvm::Function &function : module)
    for (llvm::Instruction &instruction : llvm::instructions(function)) {
      auto *call = dyn_cast<llvm::CallInst>(&instruction);
      if (!call)
        continue;
      llvm::Function *callee = call->getCalledFunction();
      if (call->isInlineAsm() || (callee && callee->getName().starts_with("llvm.nvvm.mma")))
        call->setConvergent();
    }
}

} // namespace

std::unique_ptr<llvm::Module> translateForNVPTX(ModuleOp module, llvm::LLVMContext &context,
                                                const NVPTXChip &chip) {
  std::unique_ptr<llvm::Module> translated = translateModuleToLLVMIR(module, context, "kernels");
  std::unique_ptr<llvm::TargetMachine> machine = createTargetMachine(chip);
  if (!translated || !machine) {
    module.emitError(
        "no LLVM IR for the kernels: this LLVM lacks the NVPTX target or the translation failed");
    return nullptr;
  }
  translated->setTargetTriple(gpuTriple());
  translated->setDataLayout(machine->createDataLayout());
  for (llvm::Function &function : *translated)
    if (!function.isDeclaration())
      function.setDoesNotThrow();
  markConvergent(*translated);
  optimize(*translated, *machine, llvm::OptimizationLevel::O3);
  return translated;
}

FailureOr<std::string> generatePtx(llvm::Module &module, const NVPTXChip &chip) {
  std::unique_ptr<llvm::TargetMachine> machine = createTargetMachine(chip);
  llvm::SmallVector<char, 0> code;
  llvm::raw_svector_ostream stream(code);
  llvm::legacy::PassManager passes;
  if (!machine ||
      machine->addPassesToEmitFile(passes, stream, nullptr, llvm::CodeGenFileType::AssemblyFile))
    return failure();
  passes.run(module);
  return std::string(code.data(), code.size());
}

/// LLVM's header is the same for all kernels of a chip: comments, then the three directives.
std::string joinPtx(ArrayRef<std::string> texts) {
  static constexpr StringLiteral kLastDirective = ".address_size 64\n";
  std::string joined;
  for (StringRef text : texts) {
    size_t header = text.find(kLastDirective);
    if (!joined.empty() && header != StringRef::npos)
      text = text.drop_front(header + kLastDirective.size());
    joined += text;
  }
  return joined;
}

} // namespace mlir::qvl
