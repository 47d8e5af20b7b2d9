#include "KernelModules.h"

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
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "qvl/Codegen/RowKernels.h"
#include "qvl/Codegen/SystemFailure.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

namespace mlir::qvl {

OwningOpRef<ModuleOp> copyKernels(ArrayRef<func::FuncOp> kernels) {
  OwningOpRef<ModuleOp> module(ModuleOp::create(func::FuncOp(kernels.front()).getLoc()));
  OpBuilder b = OpBuilder::atBlockEnd(module->getBody());
  for (func::FuncOp kernel : kernels)
    cast<func::FuncOp>(b.clone(*kernel)).setPublic();
  return module;
}

void registerLoweringDialects(DialectRegistry &registry) {
  registry
      .insert<affine::AffineDialect, arith::ArithDialect, cf::ControlFlowDialect, func::FuncDialect,
              linalg::LinalgDialect, LLVM::LLVMDialect, math::MathDialect, memref::MemRefDialect,
              QvlDialect, scf::SCFDialect, ub::UBDialect, vector::VectorDialect>();
  registerRowKernelDialects(registry);
  registerBuiltinDialectTranslation(registry);
  registerLLVMDialectTranslation(registry);
}

KernelDumper::KernelDumper(const KernelDumpOptions &options, StringRef suffix, Location location)
    : options(options), suffix(suffix), location(location) {
  if (enabled())
    report(options.directory, llvm::sys::fs::create_directories(options.directory));
}

void KernelDumper::write(StringRef kernel, StringRef extension,
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

void KernelDumper::report(StringRef path, std::error_code error) const {
  if (error)
    (void)emitSystemFailure(location, DiagnosticSeverity::Warning, path, "cannot write", error);
}

} // namespace mlir::qvl
