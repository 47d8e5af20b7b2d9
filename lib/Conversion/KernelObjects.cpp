#include "KernelObjects.h"

using namespace mlir;

namespace qvl {

SmallVector<func::FuncOp> kernelFunctions(ModuleOp module) {
  SmallVector<func::FuncOp> functions;
  for (auto kernel : module.getOps<qvlx::KernelOp>())
    llvm::append_range(functions, kernel.getOps<func::FuncOp>());
  return functions;
}

void addObject(ModuleOp module, StringRef target, StringRef featureSet,
               ArrayRef<func::FuncOp> functions, StringRef code, StringRef kind) {
  OpBuilder builder = OpBuilder::atBlockEnd(module.getBody());
  auto symbols = llvm::map_to_vector(functions, [&](func::FuncOp function) -> Attribute {
    return FlatSymbolRefAttr::get(module.getContext(), function.getSymName());
  });
  auto type = RankedTensorType::get({static_cast<int64_t>(code.size())}, builder.getI8Type());
  auto data = DenseElementsAttr::getFromRawBuffer(type, ArrayRef(code.data(), code.size()));
  std::string name = (target + "." + featureSet + (kind.empty() ? "" : ".") + kind).str();
  qvlx::ObjectOp::create(builder, builder.getUnknownLoc(), name, featureSet,
                         builder.getArrayAttr(symbols), data);
}

} // namespace qvl
