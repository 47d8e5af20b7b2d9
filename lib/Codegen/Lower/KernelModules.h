// Kernel functions on their way to LLVM IR: what every target does with them.
#pragma once

#include "qvl/Codegen/KernelDump.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/IR/Module.h"
#include "llvm/Passes/OptimizationLevel.h"
#include "llvm/Target/TargetMachine.h"

namespace mlir::qvl {

/// A module with copies of kernel functions, as public functions.
OwningOpRef<ModuleOp> copyKernels(ArrayRef<func::FuncOp> kernels);

/// What lowering needs to know about a target.
struct LoweringOptions {
  /// Vectors of a memref are aligned to their size, not to that of their element.
  bool alignedVectors = false;
  bool avx512 = false; // has its instructions
};

/// Lowers what emitters write, on the level of scf, vector, math, memref and nvvm, to the LLVM
/// dialect. Math functions become arithmetic.
LogicalResult lowerToLLVMDialect(ModuleOp module, const LoweringOptions &options = {});

/// Optimises LLVM IR. Loops stay as the emitters wrote them: they have vectorised and unrolled
/// already.
void optimize(llvm::Module &module, llvm::TargetMachine &machine, llvm::OptimizationLevel level);

/// The dialects of kernel functions and of every step between them and LLVM IR.
void registerLoweringDialects(DialectRegistry &registry);

/// Writes the steps of code generation, as KERNEL.SUFFIX.EXTENSION. A failed dump is a warning, and
/// the caller decides whether that ends the compilation.
class KernelDumper {
public:
  KernelDumper(const KernelDumpOptions &options, StringRef suffix, Location location);

  bool enabled() const { return !options.directory.empty(); }
  void write(StringRef kernel, StringRef extension,
             llvm::function_ref<void(llvm::raw_ostream &)> print) const;

private:
  void report(StringRef path, std::error_code error) const;

  const KernelDumpOptions &options;
  StringRef suffix;
  Location location;
};

} // namespace mlir::qvl
