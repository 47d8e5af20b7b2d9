// qvl-codegen-x86: kernels to x86-64 shared objects.

#include "qvl/Conversion/Passes.h"

#include "KernelObjects.h"
#include "qvl/Codegen/X86.h"

using namespace mlir;
namespace dialect = mlir::qvl;

namespace qvl {
#define GEN_PASS_DEF_CODEGENX86PASS
#include "qvl/Conversion/Passes.h.inc"

namespace {

struct CodegenX86 : impl::CodegenX86PassBase<CodegenX86> {
  using CodegenX86PassBase::CodegenX86PassBase;

  void getDependentDialects(DialectRegistry &registry) const override {
    CodegenX86PassBase::getDependentDialects(registry);
    dialect::registerX86CodegenDialects(registry);
  }

  void runOnOperation() override {
    SmallVector<func::FuncOp> functions = kernelFunctions(getOperation());
    if (functions.empty())
      return;
    for (StringRef name : chosenFeatureSets())
      if (failed(compile(name, functions)))
        return signalPassFailure();
    for (func::FuncOp function : functions)
      function.erase();
  }

  /// The feature sets to compile for, weakest first. "native" is the best one that this machine
  /// runs.
  SmallVector<StringRef> chosenFeatureSets() {
    static constexpr StringRef generated[] = {"v3", "v4"};
    if (featureSets.empty())
      return SmallVector<StringRef>(ArrayRef(generated));
    bool native = llvm::is_contained(featureSets, "native");
    StringRef best;
    for (StringRef name : generated)
      if (dialect::X86FeatureSet::named(name)->supportedByHost())
        best = name;
    SmallVector<StringRef> chosen;
    for (StringRef name : generated)
      if (llvm::is_contained(featureSets, name) || (native && name == best))
        chosen.push_back(name);
    for (const std::string &name : featureSets)
      if (name != "native" && !llvm::is_contained(generated, name))
        chosen.push_back(name); // Refused below, by name.
    return chosen;
  }

  LogicalResult compile(StringRef name, ArrayRef<func::FuncOp> functions) {
    std::optional<dialect::X86FeatureSet> features = dialect::X86FeatureSet::named(name);
    if (!features)
      return getOperation().emitError() << "'" << name << "' is not a feature set of x86";
    FailureOr<std::string> bytes = dialect::compileX86(functions, *features, {dumpDirectory});
    if (failed(bytes))
      return failure();
    addObject(getOperation(), functions, {.target = "cpu", .featureSet = name, .bytes = *bytes});
    ++objects;
    return success();
  }
};

} // namespace
} // namespace qvl
