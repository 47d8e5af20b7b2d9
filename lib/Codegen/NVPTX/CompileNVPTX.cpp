#include "../Lower/KernelModules.h"
#include "BlockTiles.h"
#include "PtxText.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/Threading.h"
#include "mlir/Target/LLVMIR/Dialect/NVVM/NVVMToLLVMIRTranslation.h"

namespace mlir::qvl {
namespace {

/// The text of the one kernel of `module`, which is in the LLVM dialect. A module has one LLVM
/// context, so kernels compile side by side.
FailureOr<std::string> compileKernel(ModuleOp module, StringRef name, const NVPTXChip &chip,
                                     const KernelDumper &dumper) {
  llvm::LLVMContext context;
  std::unique_ptr<llvm::Module> translated = translateForNVPTX(module, context, chip);
  if (!translated)
    return failure();
  if (dumper.enabled())
    dumper.write(name, "ll", [&](llvm::raw_ostream &out) { translated->print(out, nullptr); });
  if (failed(lintIR(*translated, module->getLoc())))
    return failure();
  FailureOr<std::string> text = generatePtx(*translated, chip);
  if (failed(text))
    return module->emitError("LLVM cannot generate PTX for the kernel");
  if (dumper.enabled())
    dumper.write(name, "ptx", [&](llvm::raw_ostream &out) { out << *text; });
  if (failed(lintPtx(*text, chip, module->getLoc())))
    return failure();
  return text;
}

/// One module for each kernel, in the LLVM dialect.
FailureOr<SmallVector<OwningOpRef<ModuleOp>>>
lowerKernels(ArrayRef<func::FuncOp> kernels, const NVPTXChip &chip, const KernelDumper &dumper) {
  SmallVector<OwningOpRef<ModuleOp>> modules;
  for (func::FuncOp kernel : kernels) {
    ModuleOp module = *modules.emplace_back(copyKernels(kernel));
    if (chip.hasWarpgroups)
      for (auto copy : module.getOps<func::FuncOp>())
        copy->setAttr(kWarpgroupsAttr, UnitAttr::get(copy.getContext()));
    if (failed(emitBlockKernels(module)))
      return failure();
    if (dumper.enabled())
      dumper.write(kernel.getName(), "mlir", [&](llvm::raw_ostream &out) { module.print(out); });
    if (failed(lowerToLLVMDialect(module, {.alignedVectors = true})))
      return failure();
    markKernels(module);
  }
  return modules;
}

} // namespace

ArrayRef<NVPTXChip> NVPTXChip::all() {
  static constexpr NVPTXChip chips[] = {{"sm_80", "+ptx80", false}, {"sm_90a", "+ptx80", true}};
  return chips;
}

std::optional<NVPTXChip> NVPTXChip::named(StringRef name) {
  for (const NVPTXChip &chip : all())
    if (chip.name == name)
      return chip;
  return std::nullopt;
}

void registerNVPTXCodegenDialects(DialectRegistry &registry) {
  registerLoweringDialects(registry);
  registry.insert<NVVM::NVVMDialect>();
  registerNVVMDialectTranslation(registry);
}

FailureOr<std::string> compileNVPTX(ArrayRef<func::FuncOp> kernels, const NVPTXChip &chip,
                                    const KernelDumpOptions &dump) {
  assert(!kernels.empty() && "nothing to compile");
  func::FuncOp first = kernels.front();
  KernelDumper dumper(dump, chip.name, first.getLoc());
  auto modules = lowerKernels(kernels, chip, dumper);
  if (failed(modules))
    return failure();
  std::vector<std::string> texts(kernels.size());
  ParallelDiagnosticHandler diagnostics(first.getContext());
  auto compileOne = [&](size_t number) -> LogicalResult {
    diagnostics.setOrderIDForThread(number);
    FailureOr<std::string> text =
        compileKernel(*(*modules)[number], func::FuncOp(kernels[number]).getName(), chip, dumper);
    diagnostics.eraseOrderIDForThread();
    if (succeeded(text))
      texts[number] = std::move(*text);
    return text;
  };
  if (failed(failableParallelForEachN(first.getContext(), 0, kernels.size(), compileOne)))
    return failure();
  return joinPtx(texts);
}

} // namespace mlir::qvl
