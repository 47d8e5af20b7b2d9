#include "KernelLowering.h"

#include "mlir/Target/LLVMIR/Export.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Target/TargetMachine.h"

namespace mlir::qvl {
namespace {

/// A fixed triple: the object does not depend on the machine that compiles it.
const llvm::Triple &kernelTriple() {
  static const llvm::Triple triple("x86_64-unknown-linux-gnu");
  return triple;
}

const llvm::Target *x86Target() {
  static const llvm::Target *target = [] {
    LLVMInitializeX86TargetInfo();
    LLVMInitializeX86Target();
    LLVMInitializeX86TargetMC();
    LLVMInitializeX86AsmPrinter();
    std::string error;
    return llvm::TargetRegistry::lookupTarget(kernelTriple(), error);
  }();
  return target;
}

std::unique_ptr<llvm::TargetMachine> createTargetMachine(const X86FeatureSet &features) {
  const llvm::Target *target = x86Target();
  if (!target)
    return nullptr;
  // The default of AllowFPOpFusion fuses nothing but the fused operations that the emitters wrote.
  llvm::TargetOptions options;
  return std::unique_ptr<llvm::TargetMachine>(target->createTargetMachine(
      kernelTriple(), features.cpu, features.features, options, llvm::Reloc::PIC_, std::nullopt,
      llvm::CodeGenOptLevel::Aggressive));
}

void setFunctionAttributes(llvm::Module &module, const X86FeatureSet &features) {
  for (llvm::Function &function : module) {
    if (function.isDeclaration())
      continue;
    function.addFnAttr("target-cpu", features.cpu);
    if (!features.features.empty())
      function.addFnAttr("target-features", features.features);
    // Without this LLVM keeps to 256 bits on CPUs where it fears for the clock.
    if (features.avx512)
      function.addFnAttr("prefer-vector-width", "512");
    function.setDoesNotThrow();
  }
}

} // namespace

std::unique_ptr<llvm::Module> translateAndOptimize(ModuleOp module, llvm::LLVMContext &context,
                                                   const X86FeatureSet &features) {
  std::unique_ptr<llvm::Module> translated = translateModuleToLLVMIR(module, context, "kernels");
  std::unique_ptr<llvm::TargetMachine> machine = createTargetMachine(features);
  if (!translated || !machine) {
    module.emitError(
        "no LLVM IR for the kernels: this LLVM lacks the x86 target or the translation failed");
    return nullptr;
  }
  translated->setTargetTriple(kernelTriple());
  translated->setDataLayout(machine->createDataLayout());
  setFunctionAttributes(*translated, features);
  optimize(*translated, *machine, llvm::OptimizationLevel::O2);
  return translated;
}

FailureOr<std::string> generateCode(llvm::Module &module, const X86FeatureSet &features,
                                    CodeForm form) {
  std::unique_ptr<llvm::TargetMachine> machine = createTargetMachine(features);
  llvm::SmallVector<char, 0> code;
  llvm::raw_svector_ostream stream(code);
  llvm::legacy::PassManager passes;
  auto type = form == CodeForm::Object ? llvm::CodeGenFileType::ObjectFile
                                       : llvm::CodeGenFileType::AssemblyFile;
  if (!machine || machine->addPassesToEmitFile(passes, stream, nullptr, type))
    return failure();
  passes.run(module);
  return std::string(code.data(), code.size());
}

} // namespace mlir::qvl
