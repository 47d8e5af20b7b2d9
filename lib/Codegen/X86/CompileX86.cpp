#include "KernelLowering.h"

#include "dialects/qvl/IR/Qvl.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/UB/IR/UBOps.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/Threading.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "qvl/Codegen/RowKernels.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Transforms/Utils/Cloning.h"

namespace mlir::qvl {
namespace {

OwningOpRef<ModuleOp> copyKernels(ArrayRef<func::FuncOp> kernels) {
  OwningOpRef<ModuleOp> module(ModuleOp::create(func::FuncOp(kernels.front()).getLoc()));
  OpBuilder b = OpBuilder::atBlockEnd(module->getBody());
  for (func::FuncOp kernel : kernels)
    cast<func::FuncOp>(b.clone(*kernel)).setPublic();
  return module;
}

/// Writes the dumps of one group of kernels; a failed dump is a warning, not the end of a
/// compilation.
class Dumper {
public:
  Dumper(const KernelDumpOptions &options, const X86FeatureSet &features, ModuleOp module)
      : options(options), suffix(features.name), location(module.getLoc()) {
    if (enabled())
      report(options.directory, llvm::sys::fs::create_directories(options.directory));
  }

  bool enabled() const { return !options.directory.empty(); }

  void write(StringRef kernel, StringRef extension,
             llvm::function_ref<void(llvm::raw_ostream &)> print) const {
    llvm::SmallString<128> path(options.directory);
    llvm::sys::path::append(path, kernel + "." + suffix + "." + extension);
    std::error_code error;
    llvm::raw_fd_ostream stream(path, error);
    if (!error)
      print(stream);
    stream.close();
    report(path, error ? error : stream.error());
    stream.clear_error();
  }

private:
  void report(StringRef path, std::error_code error) const {
    if (error)
      emitWarning(location) << "cannot write '" << path << "': " << error.message();
  }

  const KernelDumpOptions &options;
  StringRef suffix;
  Location location;
};

void dumpLLVM(const llvm::Module &module, StringRef kernel, const X86FeatureSet &features,
              const Dumper &dumper) {
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
                                     const Dumper &dumper) {
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

void registerX86CodegenDialects(DialectRegistry &registry) {
  registry
      .insert<affine::AffineDialect, arith::ArithDialect, cf::ControlFlowDialect, func::FuncDialect,
              linalg::LinalgDialect, LLVM::LLVMDialect, math::MathDialect, memref::MemRefDialect,
              QvlDialect, scf::SCFDialect, ub::UBDialect, vector::VectorDialect>();
  registerRowKernelDialects(registry);
  registerBuiltinDialectTranslation(registry);
  registerLLVMDialectTranslation(registry);
}

FailureOr<std::string> compileX86(ArrayRef<func::FuncOp> kernels, const X86FeatureSet &features,
                                  const KernelDumpOptions &dump) {
  assert(!kernels.empty() && "nothing to compile");
  OwningOpRef<ModuleOp> module = copyKernels(kernels);
  Dumper dumper(dump, features, *module);
  if (failed(emitKernels(*module, features)))
    return failure();
  if (dumper.enabled())
    for (auto kernel : module->getOps<func::FuncOp>())
      dumper.write(kernel.getName(), "mlir", [&](llvm::raw_ostream &out) { kernel->print(out); });
  if (failed(lowerToLLVMDialect(*module)))
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
