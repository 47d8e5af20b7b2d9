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
    std::vector<std::string> texts; // of the chosen chips
    for (const dialect::NVPTXChip &chip : *chosen) {
      FailureOr<std::string> text = dialect::compileNVPTX(functions, chip, {dumpDirectory});
      if (failed(text))
        return signalPassFailure();
      addObject(getOperation(), functions,
                {.target = "cuda",
                 .featureSet = chip.name,
                 .bytes = *text,
                 .wide = wideForms(functions, chip)});
      texts.push_back(std::move(*text));
      ++objects;
    }
    for (const std::string &architecture : cubins)
      if (failed(assemble(architecture, *chosen, texts, functions)))
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

  /// Adds machine code, of the last of the texts that runs on the architecture: behind all text,
  /// which makes it the better variant.
  LogicalResult assemble(StringRef architecture, ArrayRef<dialect::NVPTXChip> chosen,
                         ArrayRef<std::string> texts, ArrayRef<func::FuncOp> functions) {
    Location location = getOperation().getLoc();
    for (auto [chip, text] : llvm::reverse(llvm::zip(chosen, texts))) {
      if (!dialect::runsOn(chip, architecture))
        continue;
      auto cubin = dialect::assembleCubin(text, architecture, assembler, location);
      if (failed(cubin))
        return failure();
      addObject(getOperation(), functions,
                {.target = "cuda",
                 .featureSet = architecture,
                 .bytes = *cubin,
                 .kind = "cubin",
                 .wide = wideForms(functions, chip)});
      ++machineObjects;
      return success();
    }
    return emitError(location) << "no code of this target runs on '" << architecture
                               << "', for which there is to be a cubin";
  }
};

} // namespace
} // namespace qvl
