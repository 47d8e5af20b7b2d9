#include "ProbeFolder.h"

#include "TensorFile.h"

#include "llvm/ADT/StringExtras.h"

using namespace mlir::qvl::reference;

namespace qvlref {

llvm::Error ProbeFolder::beginStep(llvm::StringRef step) {
  if (root.empty())
    return llvm::Error::success();
  folder = step.empty() ? root : root + "/" + step.str();
  uses.clear();
  return createFolder(folder);
}

Probe ProbeFolder::probe() {
  if (root.empty())
    return nullptr;
  return [this](llvm::StringRef location, mlir::OpResult result, const Tensor &tensor) {
    return write(location, result, tensor);
  };
}

/// A location as a file name: it comes from the IR, so it may hold anything.
static std::string fileName(llvm::StringRef location) {
  std::string name = location.str();
  for (char &c : name)
    if (!llvm::isAlnum(c) && c != '.' && c != '_' && c != '-')
      c = '_';
  if (!name.empty() && name.front() == '.')
    name.front() = '_';
  return name;
}

mlir::LogicalResult ProbeFolder::write(llvm::StringRef location, mlir::OpResult result,
                                       const Tensor &tensor) {
  mlir::Operation *op = result.getOwner();
  if (mlir::isa<mlir::IndexType>(result.getType()))
    return mlir::success(); // Layer numbers are no results of the model.
  std::string name = fileName(location.empty() ? op->getName().getStringRef() : location);
  unsigned use = uses[name]++;
  if (use > 0)
    name += "." + std::to_string(use);
  llvm::Error error =
      writeTensor(folder + "/" + name + ".npy", tensor, result.getType(), precision);
  if (error)
    return op->emitError() << "probe: " << llvm::toString(std::move(error));
  return mlir::success();
}

} // namespace qvlref
