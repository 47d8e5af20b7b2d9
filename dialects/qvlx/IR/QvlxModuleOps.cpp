// Verifiers of programs, kernels, objects and data.

#include "dialects/qvlx/IR/Qvlx.h"

#include "llvm/ADT/StringSet.h"

using namespace mlir;
using namespace mlir::qvlx;

LogicalResult ProgramOp::verify() {
  Block &block = getBody().front();
  // program_c1
  if (getArgumentNames().size() != block.getNumArguments())
    return emitOpError() << "has " << getArgumentNames().size() << " names for "
                         << block.getNumArguments() << " arguments";
  llvm::StringSet<> names;
  for (StringRef name : getArgumentNames().getAsValueRange<StringAttr>())
    if (!names.insert(name).second)
      return emitOpError() << "names the argument \"" << name << "\" twice";
  // program_c2
  for (BlockArgument argument : block.getArguments())
    if (!isa<BufferType>(argument.getType()))
      return emitOpError() << "argument " << argument.getArgNumber() << " must be a buffer, got "
                           << argument.getType();
  return success();
}

LogicalResult ProgramOp::verifyRegions() {
  // program_c3
  Block &block = getBody().front();
  auto end = block.empty() ? ReturnOp() : dyn_cast<ReturnOp>(block.back());
  if (!end)
    return emitOpError() << "must end with a qvlx.return";
  if (end.getResults().size() != getResultNames().size())
    return emitOpError() << "returns " << end.getResults().size() << " buffers for "
                         << getResultNames().size() << " result names";
  return success();
}

LogicalResult KernelOp::verify() {
  // kernel_c1
  auto buffers = static_cast<int64_t>(getBuffers()), scalars = static_cast<int64_t>(getScalars());
  if (buffers < 1 || scalars < 0 || static_cast<int64_t>(getScratch()) < 0)
    return emitOpError() << "needs at least one buffer, and no negative count";
  return success();
}

LogicalResult ObjectOp::verifySymbolUses(SymbolTableCollection &symbols) {
  // object_c1
  for (FlatSymbolRefAttr name : getKernels().getAsRange<FlatSymbolRefAttr>())
    if (!symbols.lookupNearestSymbolFrom<KernelOp>(*this, name))
      return emitOpError() << "'" << name.getValue() << "' does not name a qvlx.kernel";
  return success();
}

LogicalResult DataOp::verify() {
  // data_c1
  if (getBufferType().getNumDynamicDims() != 0)
    return emitOpError() << "shape must be static, got " << getType();
  return success();
}
