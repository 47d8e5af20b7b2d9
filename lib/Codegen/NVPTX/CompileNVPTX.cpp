#include "../Lower/KernelModules.h"
#include "BlockTiles.h"
#include "LinearWide.h"
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

/// A function to compile: a kernel or its wide form.
struct Compilation {
  func::FuncOp kernel;
  std::string name;
  bool isWide;
};

SmallVector<Compilation> compilationsOf(ArrayRef<func::FuncOp> kernels, const NVPTXChip &chip) {
  SmallVector<Compilation> compilations;
  for (func::FuncOp kernel : kernels) {
    compilations.push_back({kernel, kernel.getName().str(), false});
    if (std::optional<WideForm> form = wideForm(kernel, chip))
      compilations.push_back({kernel, form->symbol, true});
  }
  return compilations;
}

void markCopy(func::FuncOp copy, const Compilation &compilation, const NVPTXChip &chip) {
  auto mark = UnitAttr::get(copy.getContext());
  if (chip.hasWarpgroups)
    copy->setAttr(kWarpgroupsAttr, mark);
  if (compilation.isWide)
    copy->setAttr(kWideAttr, mark);
  copy.setName(compilation.name);
}

/// One module for each function, in the LLVM dialect.
FailureOr<SmallVector<OwningOpRef<ModuleOp>>> lowerKernels(ArrayRef<Compilation> compilations,
                                                           const NVPTXChip &chip,
                                                           const KernelDumper &dumper) {
  SmallVector<OwningOpRef<ModuleOp>> modules;
  for (const Compilation &compilation : compilations) {
    ModuleOp module = *modules.emplace_back(copyKernels(compilation.kernel));
    for (auto copy : module.getOps<func::FuncOp>())
      markCopy(copy, compilation, chip);
    if (failed(emitBlockKernels(module)))
      return failure();
    if (dumper.enabled())
      dumper.write(compilation.name, "mlir", [&](llvm::raw_ostream &out) { module.print(out); });
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

std::optional<WideForm> wideForm(func::FuncOp kernel, const NVPTXChip &chip) {
  return chip.hasWarpgroups ? linearWideForm(kernel) : std::nullopt;
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
  SmallVector<Compilation> compilations = compilationsOf(kernels, chip);
  auto modules = lowerKernels(compilations, chip, dumper);
  if (failed(modules))
    return failure();
  std::vector<std::string> texts(compilations.size());
  ParallelDiagnosticHandler diagnostics(first.getContext());
  auto compileOne = [&](size_t number) -> LogicalResult {
    diagnostics.setOrderIDForThread(number);
    FailureOr<std::string> text =
        compileKernel(*(*modules)[number], compilations[number].name, chip, dumper);
    diagnostics.eraseOrderIDForThread();
    if (succeeded(text))
      texts[number] = std::move(*text);
    return text;
  };
  if (failed(failableParallelForEachN(first.getContext(), 0, compilations.size(), compileOne)))
    return failure();
  return joinPtx(texts);
}

} // namespace mlir::qvl
