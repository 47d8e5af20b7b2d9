#include "KernelOperands.h"

#include "VectorMemory.h"
#include "dialects/qvl/IR/Qvl.h"

namespace mlir::qvl {

void KernelOperands::readOperands(llvm::function_ref<Value()> nextBuffer,
                                  llvm::function_ref<Value()> nextScalar) {
  auto tensorSizes = [&](RankedTensorType type) {
    SmallVector<Value> result;
    for (int64_t dimension : type.getShape())
      result.push_back(ShapedType::isDynamic(dimension) ? nextScalar()
                                                        : constantIndex(body, dimension));
    return result;
  };
  for (BlockArgument argument : kernel.getArguments()) {
    if (isa<IndexType>(argument.getType()))
      continue;
    buffers[argument] = nextBuffer();
    if (auto type = dyn_cast<RankedTensorType>(argument.getType()))
      sizes[argument] = tensorSizes(type);
  }
  for (Type type : kernel.getResultTypes()) {
    auto tensor = dyn_cast<RankedTensorType>(type);
    resultBuffers.push_back(tensor ? nextBuffer() : Value());
    resultSizes.push_back(tensor ? tensorSizes(tensor) : SmallVector<Value>());
  }
  for (BlockArgument argument : kernel.getArguments())
    if (isa<IndexType>(argument.getType()))
      scalars[argument] = nextScalar();
}

void KernelOperands::replaceKernelBy(func::FuncOp replacement) {
  func::ReturnOp::create(body);
  std::string name = kernel.getName().str();
  kernel.erase();
  replacement.setName(name);
}

Attribute encodingOf(Value argument) {
  auto block = cast<BlockArgument>(argument);
  auto kernel = cast<func::FuncOp>(block.getOwner()->getParentOp());
  return kernel.getArgAttr(block.getArgNumber(), kEncodingAttr);
}

} // namespace mlir::qvl
