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

qvlx::TensorMapAttr tensorMap(MLIRContext *context, const dialect::TensorMapShape &shape) {
  auto sizes = llvm::map_to_vector(
      shape.sizes, [](int64_t size) -> int64_t { return ShapedType::isDynamic(size) ? 0 : size; });
  return qvlx::TensorMapAttr::get(context, shape.buffer, shape.element,
                                  DenseI64ArrayAttr::get(context, sizes), shape.scalar,
                                  DenseI64ArrayAttr::get(context, shape.box), shape.swizzleBytes);
}

SmallVector<Attribute> wideForms(ArrayRef<func::FuncOp> functions, const dialect::NVPTXChip &chip) {
  SmallVector<Attribute> forms;
  for (func::FuncOp function : functions) {
    std::optional<dialect::WideForm> form = dialect::wideForm(function, chip);
    if (!form)
      continue;
    MLIRContext *context = function.getContext();
    auto maps = llvm::map_to_vector(
        form->maps, [&](const auto &map) -> Attribute { return tensorMap(context, map); });
    forms.push_back(
        qvlx::WideFormAttr::get(context, FlatSymbolRefAttr::get(context, function.getSymName()),
                                StringAttr::get(context, form->symbol), form->leastTiles,
                                form->sharedBytes, ArrayAttr::get(context, maps)));
  }
  return forms;
}

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
    addObject(getOperation(), "cuda", chip.name, functions, *text, wideForms(functions, chip));
    ++objects;
    return success();
  }
};

} // namespace
} // namespace qvl
