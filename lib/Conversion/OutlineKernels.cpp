// qvl-outline-kernels: functions of qvl ops to programs that launch kernels.

#include "qvl/Conversion/Passes.h"

#include "ProgramBuilder.h"

using namespace mlir;
namespace dialect = mlir::qvl;

namespace qvl {
#define GEN_PASS_DEF_OUTLINEKERNELSPASS
#include "qvl/Conversion/Passes.h.inc"

namespace {

/// The names of the programs that a function becomes.
SmallVector<StringRef> programNames(func::FuncOp function) {
  if (auto names = function->getAttrOfType<ArrayAttr>(kProgramsAttr))
    return llvm::to_vector(names.getAsValueRange<StringAttr>());
  return {function.getSymName()};
}

SmallVector<StringRef> sourceNames(dialect::ParameterOp parameter) {
  return llvm::map_to_vector(parameter.getSourceTensors(),
                             [](auto source) { return source.first; });
}

struct OutlineKernels : impl::OutlineKernelsPassBase<OutlineKernels> {
  void runOnOperation() override {
    KernelTable table(getOperation().getBody());
    auto functions = llvm::to_vector(getOperation().getOps<func::FuncOp>());
    for (func::FuncOp function : functions)
      if (failed(outline(function, table)))
        return signalPassFailure();
    kernels += table.size();
    if (failed(convertParameters()))
      return signalPassFailure();
  }

  LogicalResult outline(func::FuncOp function, KernelTable &table) {
    SmallVector<StringRef> names = programNames(function);
    // The function gives up its name first: a program may take it.
    function.setSymName((function.getSymName() + ".traced").str());
    ProgramBuilder programs(table, function);
    qvlx::ProgramOp program = programs.build(names.front());
    if (!program)
      return failure();
    launches += programs.launches() * names.size();
    views += programs.views() * names.size();
    OpBuilder builder(getOperation());
    builder.setInsertionPointAfter(program);
    for (StringRef name : llvm::drop_begin(names)) {
      Operation *copy = builder.clone(*program);
      cast<qvlx::ProgramOp>(copy).setSymName(name);
    }
    function.erase();
    return success();
  }

  LogicalResult convertParameters() {
    for (auto parameter :
         llvm::make_early_inc_range(getOperation().getOps<dialect::ParameterOp>())) {
      if (!parameter.getEncoding())
        return parameter.emitError() << "has no encoding; run qvl-assign-encodings before";
      OpBuilder builder(parameter);
      qvlx::DataOp::create(builder, parameter.getLoc(), parameter.getSymName(),
                           bufferTypeOf(parameter.getTensorType()),
                           builder.getStrArrayAttr(sourceNames(parameter)),
                           parameter.getRecipeAttr(), *parameter.getEncoding());
      parameter.erase();
    }
    return success();
  }
};

} // namespace
} // namespace qvl
