#include "KernelLowering.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/Threading.h"
#include "llvm/Transforms/Utils/Cloning.h"

namespace mlir::qvl {
namespace {

void dumpLLVM(const llvm::Module &module, StringRef kernel, const X86FeatureSet &features,
              const KernelDumper &dumper) {
  dumper.write(kernel, "ll", [&](llvm::raw_ostream &out) { module.print(out, nullptr); });
  std::unique_ptr<llvm::Module> copy = llvm::CloneModule(module);
  FailureOr<std::string> assembly = generateCode(*copy, features, CodeForm::Assembly);
  if (succeeded(assembly))
    dumper.write(kernel, "s", [&](llvm::raw_ostream &out) { out << *assembly; });
}

/// Moves every function of the module into a module of its own.
SmallVector<OwningOpRef<ModuleOp>> splitKernels(ModuleOp module) {
  SmallVector<OwningOpRef<ModuleOp>> parts;
  for (auto function : llvm::make_early_inc_range(module.getOps<LLVM::LLVMFuncOp>())) {
    OwningOpRef<ModuleOp> &part = parts.emplace_back(ModuleOp::create(function.getLoc()));
    (*part)->setAttrs(module->getAttrs());
    function->moveBefore(part->getBody(), part->getBody()->end());
  }
  return parts;
}

/// An object file of the one kernel of `module`, which is in the LLVM dialect. Kernels meet again
/// in the linker, so they compile side by side.
FailureOr<std::string> compileKernel(ModuleOp module, const X86FeatureSet &features,
                                     const KernelDumper &dumper) {
  llvm::LLVMContext context;
  std::unique_ptr<llvm::Module> translated = translateAndOptimize(module, context, features);
  if (!translated || failed(lintStack(*translated, module->getLoc())))
    return failure();
  if (dumper.enabled())
    dumpLLVM(*translated, (*module.getOps<LLVM::LLVMFuncOp>().begin()).getName(), features, dumper);
  FailureOr<std::string> object = generateCode(*translated, features, CodeForm::Object);
  if (failed(object))
    return module->emitError("LLVM cannot generate code for the kernel");
  if (failed(lintSymbols(*object, module->getLoc())))
    return failure();
  return object;
}

} // namespace

void registerX86CodegenDialects(DialectRegistry &registry) { registerLoweringDialects(registry); }

FailureOr<std::string> compileX86(ArrayRef<func::FuncOp> kernels, const X86FeatureSet &features,
                                  const KernelDumpOptions &dump) {
  assert(!kernels.empty() && "nothing to compile");
  OwningOpRef<ModuleOp> module = copyKernels(kernels);
  KernelDumper dumper(dump, features.name, module->getLoc());
  if (failed(emitKernels(*module, features)))
    return failure();
  if (dumper.enabled())
    for (auto kernel : module->getOps<func::FuncOp>())
      dumper.write(kernel.getName(), "mlir", [&](llvm::raw_ostream &out) { kernel->print(out); });
  if (failed(lowerToLLVMDialect(*module, {.avx512 = features.avx512})))
    return failure();
  SmallVector<OwningOpRef<ModuleOp>> parts = splitKernels(*module);
  std::vector<std::string> objects(parts.size());
  ParallelDiagnosticHandler diagnostics(module->getContext());
  auto compilePart = [&](size_t number) -> LogicalResult {
    diagnostics.setOrderIDForThread(number);
    FailureOr<std::string> object = compileKernel(*parts[number], features, dumper);
    diagnostics.eraseOrderIDForThread();
    if (succeeded(object))
      objects[number] = std::move(*object);
    return object;
  };
  if (failed(failableParallelForEachN(module->getContext(), 0, parts.size(), compilePart)))
    return failure();
  return linkSharedObject(objects, module->getLoc());
}

} // namespace mlir::qvl
