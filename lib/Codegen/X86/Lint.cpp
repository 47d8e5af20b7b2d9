#include "KernelLowering.h"

#include "mlir/IR/Diagnostics.h"
#include "llvm/IR/Instructions.h"
#include "llvm/Object/ELFObjectFile.h"
#include "llvm/Support/MemoryBuffer.h"

namespace mlir::qvl {

LogicalResult lintStack(const llvm::Module &module, Location location) {
  for (const llvm::Function &function : module)
    for (const llvm::BasicBlock &block : function)
      for (const llvm::Instruction &instruction : block)
        if (isa<llvm::AllocaInst>(instruction) && !block.isEntryBlock())
          return emitError(location) << "kernel '" << function.getName()
                                     << "' would allocate stack memory for every tile";
  return success();
}

LogicalResult lintSymbols(StringRef object, Location location) {
  static constexpr StringLiteral allowed[] = {"", "memcpy", "memmove", "memset"};
  auto file =
      llvm::object::ObjectFile::createELFObjectFile(llvm::MemoryBufferRef(object, "kernels.o"));
  if (!file)
    return emitError(location) << "cannot read the object of the kernels: "
                               << llvm::toString(file.takeError());
  for (const llvm::object::SymbolRef &symbol : (*file)->symbols()) {
    bool undefined = llvm::cantFail(symbol.getFlags()) & llvm::object::SymbolRef::SF_Undefined;
    StringRef name = llvm::cantFail(symbol.getName());
    if (undefined && !llvm::is_contained(allowed, name))
      return emitError(location) << "kernels would call '" << name << "', which the runtime lacks";
  }
  return success();
}

} // namespace mlir::qvl
