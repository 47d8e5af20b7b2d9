#include "dialects/qvl/IR/EntryPrograms.h"

#include "mlir/IR/SymbolTable.h"

using namespace mlir;
using namespace mlir::qvl;

SmallVector<StringRef> mlir::qvl::programNames(func::FuncOp function) {
  if (auto names = function->getAttrOfType<ArrayAttr>(kProgramsAttr))
    return llvm::to_vector(names.getAsValueRange<StringAttr>());
  return {function.getSymName()};
}

func::FuncOp mlir::qvl::separateProgram(func::FuncOp function, StringRef program) {
  SmallVector<StringRef> others = programNames(function);
  llvm::erase(others, program);
  if (others.empty())
    return function;
  Builder builder(function.getContext());
  func::FuncOp copy = function.clone();
  copy.setSymName((function.getSymName() + "_" + program).str());
  copy->setAttr(kProgramsAttr, builder.getStrArrayAttr({program}));
  function->setAttr(kProgramsAttr, builder.getStrArrayAttr(others));
  // The table makes the name one that nothing else has.
  SymbolTable(function->getParentOp()).insert(copy, std::next(function->getIterator()));
  return copy;
}
