// qvl-outline-kernels: functions of qvl ops to programs that launch kernels.

#include "qvl/Conversion/Passes.h"

#include "ProgramBuilder.h"
#include "dialects/qvl/IR/EntryPrograms.h"

using namespace mlir;
namespace dialect = mlir::qvl;

namespace qvl {
#define GEN_PASS_DEF_OUTLINEKERNELSPASS
#include "qvl/Conversion/Passes.h.inc"

namespace {

SmallVector<StringRef> sourceNames(dialect::ParameterOp parameter) {
  return llvm::map_to_vector(parameter.getSourceTensors(),
                             [](auto source) { return source.first; });
}

struct OutlineKernels : impl::OutlineKernelsPassBase<OutlineKernels> {
  using OutlineKernelsPassBase::OutlineKernelsPassBase;

  void runOnOperation() override {
    std::optional<dialect::TargetKind> kind = dialect::targetKindNamed(target);
    if (!kind) {
      getOperation().emitError() << "'" << target << "' is not a kind of target: cpu or cuda";
      return signalPassFailure();
    }
    KernelTable table(getOperation().getBody(), *kind);
    auto functions = llvm::to_vector(getOperation().getOps<func::FuncOp>());
    for (func::FuncOp function : functions)
      if (failed(outline(function, table)))
        return signalPassFailure();
    kernels += table.size();
    if (failed(convertParameters()))
      return signalPassFailure();
  }

  LogicalResult outline(func::FuncOp function, KernelTable &table) {
    SmallVector<StringRef> names = dialect::programNames(function);
    // The function gives up its name first: a program may take it.
    function.setSymName((function.getSymName() + ".traced").str());
    // Programs of one function are equal but for kernels that are written for few rows.
    std::array<qvlx::ProgramOp, 2> built = {nullptr, nullptr};
    Operation *last = function;
    for (StringRef name : names) {
      bool fewRows =
          table.targetKind() == dialect::TargetKind::Cuda && name == dialect::kDecodeProgram;
      qvlx::ProgramOp &first = built[fewRows];
      qvlx::ProgramOp program =
          first ? copyOf(first, name) : ProgramBuilder(table, function, fewRows).build(name);
      if (!program)
        return failure();
      first = program;
      program->moveAfter(last);
      last = program;
      program.walk([&](qvlx::LaunchOp) { ++launches; });
      program.walk([&](qvlx::ViewOp) { ++views; });
    }
    function.erase();
    return success();
  }

  static qvlx::ProgramOp copyOf(qvlx::ProgramOp program, StringRef name) {
    OpBuilder builder(program);
    auto copy = cast<qvlx::ProgramOp>(builder.clone(*program));
    copy.setSymName(name);
    return copy;
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
