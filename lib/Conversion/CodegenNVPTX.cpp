// qvl-codegen-nvptx: kernels to PTX.

#include "qvl/Conversion/Passes.h"

#include "KernelObjects.h"
#include "qvl/Codegen/NVPTX.h"

using namespace mlir;
namespace dialect = mlir::qvl;

namespace qvl {
#define GEN_PASS_DEF_CODEGENNVPTXPASS
#include "qvl/Conversion/Passes.h.inc"

namespace {

struct CodegenNVPTX : impl::CodegenNVPTXPassBase<CodegenNVPTX> {
  using CodegenNVPTXPassBase::CodegenNVPTXPassBase;

  void getDependentDialects(DialectRegistry &registry) const override {
    CodegenNVPTXPassBase::getDependentDialects(registry);
    dialect::registerNVPTXCodegenDialects(registry);
  }

  void runOnOperation() override {
    SmallVector<func::FuncOp> functions = kernelFunctions(getOperation());
    FailureOr<SmallVector<dialect::NVPTXChip>> chosen = chosenChips();
    if (failed(chosen))
      return signalPassFailure();
    if (functions.empty())
      return;
    for (const dialect::NVPTXChip &chip : *chosen)
      if (failed(compile(chip, functions)))
        return signalPassFailure();
    for (func::FuncOp function : functions)
      function.erase();
  }

  /// The chips to compile for, weakest first.
  FailureOr<SmallVector<dialect::NVPTXChip>> chosenChips() {
    for (const std::string &name : chips)
      if (!dialect::NVPTXChip::named(name))
        return getOperation().emitError()
               << "'" << name << "' is not a GPU architecture that code is generated for: "
               << llvm::join(llvm::map_range(dialect::NVPTXChip::all(),
                                             [](const auto &chip) { return chip.name; }),
                             ", ");
    SmallVector<dialect::NVPTXChip> chosen;
    for (const dialect::NVPTXChip &chip : dialect::NVPTXChip::all())
      if (chips.empty() ? chosen.empty() : llvm::is_contained(chips, chip.name))
        chosen.push_back(chip);
    return chosen;
  }

  LogicalResult compile(const dialect::NVPTXChip &chip, ArrayRef<func::FuncOp> functions) {
    FailureOr<std::string> text = dialect::compileNVPTX(functions, chip, {dumpDirectory});
    if (failed(text))
      return failure();
    addObject(getOperation(), "cuda", chip.name, functions, *text);
    ++objects;
    return success();
  }
};

} // namespace
} // namespace qvl
