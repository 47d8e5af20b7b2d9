// The steps from kernel functions to a shared object; compileX86() runs them in this order.
#pragma once

#include "../Lower/KernelModules.h"
#include "qvl/Codegen/X86.h"

#include "mlir/IR/BuiltinOps.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"

#include <memory>

namespace mlir::qvl {

/// Replaces every kernel function of the module with its ABI function, on the level of scf and
/// vector.
LogicalResult emitKernels(ModuleOp module, const X86FeatureSet &features);

/// LLVM IR of the module, optimised for the feature set. Null on error.
std::unique_ptr<llvm::Module> translateAndOptimize(ModuleOp module, llvm::LLVMContext &context,
                                                   const X86FeatureSet &features);

/// Machine code of the module; destroys its IR.
enum class CodeForm { Object, Assembly };
FailureOr<std::string> generateCode(llvm::Module &module, const X86FeatureSet &features,
                                    CodeForm form);

/// Checks what the code of a kernel may not do: allocate stack memory outside its entry block,
/// which would grow with the number of tiles.
LogicalResult lintStack(const llvm::Module &module, Location location);

/// Checks what an object may not need: any symbol but memcpy, memmove and memset, which every
/// process has. A function of the math library in a kernel would end up here.
LogicalResult lintSymbols(StringRef object, Location location);

/// Links objects to one shared object. Errors carry the linker's message.
FailureOr<std::string> linkSharedObject(ArrayRef<std::string> objects, Location location);

} // namespace mlir::qvl
