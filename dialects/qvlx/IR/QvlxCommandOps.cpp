// Verifiers of buffers and commands.

#include "dialects/qvlx/IR/Qvlx.h"

using namespace mlir;
using namespace mlir::qvlx;

/// There is one size per dynamic dimension of `type`.
static LogicalResult verifySizes(Operation *op, BufferType type, OperandRange sizes) {
  if (static_cast<int64_t>(sizes.size()) != type.getNumDynamicDims())
    return op->emitOpError() << "has " << sizes.size() << " sizes for " << type.getNumDynamicDims()
                             << " dynamic dimensions of " << type;
  return success();
}

LogicalResult AllocOp::verify() {
  return verifySizes(*this, getBuffer().getType(), getSizes()); // alloc_c1
}

LogicalResult ViewOp::verify() {
  // view_c2
  if (getSource().getType().getElement() != getBuffer().getType().getElement())
    return emitOpError() << "element types of " << getSource().getType() << " and "
                         << getBuffer().getType() << " must be equal";
  return verifySizes(*this, getBuffer().getType(), getSizes()); // view_c1
}

LogicalResult WeightOp::verifySymbolUses(SymbolTableCollection &symbols) {
  // weight_c1
  auto data = symbols.lookupNearestSymbolFrom<DataOp>(*this, getDataAttr());
  if (!data)
    return emitOpError() << "'" << getData() << "' does not name a qvlx.data";
  // weight_c2
  if (data.getType() != getBuffer().getType())
    return emitOpError() << "type " << getBuffer().getType() << " differs from the data's type "
                         << data.getType();
  return success();
}

LogicalResult LaunchOp::verifySymbolUses(SymbolTableCollection &symbols) {
  // launch_c1
  auto kernel = symbols.lookupNearestSymbolFrom<KernelOp>(*this, getKernelAttr());
  if (!kernel)
    return emitOpError() << "'" << getKernel() << "' does not name a qvlx.kernel";
  // launch_c2
  uint64_t buffers = getInputs().size() + getOutputs().size();
  if (buffers != kernel.getBuffers() || getScalars().size() != kernel.getScalars())
    return emitOpError() << "has " << buffers << " buffers and " << getScalars().size()
                         << " scalars for a kernel of " << kernel.getBuffers() << " and "
                         << kernel.getScalars();
  return success();
}

LogicalResult CopyOp::verify() {
  // copy_c1
  if (getSource().getType() != getTarget().getType())
    return emitOpError() << "buffers must have one type, got " << getSource().getType() << " and "
                         << getTarget().getType();
  return success();
}
