#include "KernelObjects.h"

using namespace mlir;

namespace qvl {

SmallVector<func::FuncOp> kernelFunctions(ModuleOp module) {
  SmallVector<func::FuncOp> functions;
  for (auto kernel : module.getOps<qvlx::KernelOp>())
    llvm::append_range(functions, kernel.getOps<func::FuncOp>());
  return functions;
}

void addObject(ModuleOp module, ArrayRef<func::FuncOp> functions, const KernelCode &code) {
  OpBuilder builder = OpBuilder::atBlockEnd(module.getBody());
  auto symbols = llvm::map_to_vector(functions, [&](func::FuncOp function) -> Attribute {
    return FlatSymbolRefAttr::get(module.getContext(), function.getSymName());
  });
  auto type = RankedTensorType::get({static_cast<int64_t>(code.bytes.size())}, builder.getI8Type());
  auto data =
      DenseElementsAttr::getFromRawBuffer(type, ArrayRef(code.bytes.data(), code.bytes.size()));
  std::string name = (code.target + "." + code.featureSet).str();
  if (!code.kind.empty())
    name += "." + code.kind.str();
  qvlx::ObjectOp::create(builder, builder.getUnknownLoc(), name, code.featureSet,
                         builder.getArrayAttr(symbols),
                         code.wide.empty() ? ArrayAttr() : builder.getArrayAttr(code.wide), data);
}

} // namespace qvl
