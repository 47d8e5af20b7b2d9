// The steps from kernel functions to PTX text; compileNVPTX() runs them in this order.
#pragma once

#include "qvl/Codegen/NVPTX.h"

#include "mlir/IR/BuiltinOps.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"

#include <memory>

namespace mlir::qvl {

/// Replaces the kernel functions of the module by functions of BlockFrame's form.
LogicalResult emitBlockKernels(ModuleOp module);

/// Marks functions in the LLVM dialect that replaced kernels as kernels with their number of
/// threads.
void markKernels(ModuleOp module);

/// LLVM IR of the module, optimised for the chip. Null on error.
std::unique_ptr<llvm::Module> translateForNVPTX(ModuleOp module, llvm::LLVMContext &context,
                                                const NVPTXChip &chip);

/// PTX text of the module; destroys its IR.
FailureOr<std::string> generatePtx(llvm::Module &module, const NVPTXChip &chip);

/// Checks what the IR of a kernel may not do: LLVM would abort or leave a call to a function that
/// nobody has for a math intrinsic, and stack memory is local memory on a GPU.
LogicalResult lintIR(const llvm::Module &module, Location location);
/// Checks what a PTX text may not hold: a function or variable that is defined elsewhere, but for
/// dynamic shared memory; local memory; and instructions that kernels for the chip may not have.
LogicalResult lintPtx(StringRef text, const NVPTXChip &chip, Location location);

/// One module of PTX texts with equal headers.
std::string joinPtx(ArrayRef<std::string> texts);

} // namespace mlir::qvl
