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

/// A copy of the LLVM module that keeps one kernel.
std::unique_ptr<llvm::Module> isolate(const llvm::Module &module, StringRef kernel) {
  llvm::ValueToValueMapTy map;
  return llvm::CloneModule(module, map, [&](const llvm::GlobalValue *value) {
    return !isa<llvm::Function>(value) || value->getName() == kernel;
  });
}

void dumpLLVM(const llvm::Module &module, const X86FeatureSet &features, const Dumper &dumper) {
  for (const llvm::Function &function : module) {
    if (function.isDeclaration())
      continue;
    std::unique_ptr<llvm::Module> kernel = isolate(module, function.getName());
    dumper.write(function.getName(), "ll",
                 [&](llvm::raw_ostream &out) { kernel->print(out, nullptr); });
    FailureOr<std::string> assembly = generateCode(*kernel, features, CodeForm::Assembly);
    if (succeeded(assembly))
      dumper.write(function.getName(), "s", [&](llvm::raw_ostream &out) { out << *assembly; });
  }
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
  llvm::LLVMContext context;
  std::unique_ptr<llvm::Module> translated = translateAndOptimize(*module, context, features);
  if (!translated || failed(lintStack(*translated, module->getLoc())))
    return failure();
  if (dumper.enabled())
    dumpLLVM(*translated, features, dumper);
  FailureOr<std::string> object = generateCode(*translated, features, CodeForm::Object);
  if (failed(object))
    return module->emitError("LLVM cannot generate code for the kernels");
  if (failed(lintSymbols(*object, module->getLoc())))
    return failure();
  return linkSharedObject(*object, module->getLoc());
}

} // namespace mlir::qvl
