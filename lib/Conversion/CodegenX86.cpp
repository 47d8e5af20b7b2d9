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
    FailureOr<SmallVector<dialect::X86FeatureSet>> chosen = chosenFeatureSets();
    if (failed(chosen))
      return signalPassFailure();
    for (const dialect::X86FeatureSet &features : *chosen)
      if (failed(compile(features, kernelsOf(features, *chosen, functions))))
        return signalPassFailure();
    for (func::FuncOp function : functions)
      function.erase();
  }

  /// The feature sets to compile for, weakest first: all, those of the option, or for "native" the
  /// best level that this machine runs and its extensions.
  FailureOr<SmallVector<dialect::X86FeatureSet>> chosenFeatureSets() {
    for (const std::string &name : featureSets)
      if (name != "native" && !dialect::X86FeatureSet::named(name))
        return getOperation().emitError() << "'" << name << "' is not a feature set of x86";
    ArrayRef<dialect::X86FeatureSet> all = dialect::X86FeatureSet::all();
    bool native = llvm::is_contained(featureSets, "native");
    StringRef best;
    for (const dialect::X86FeatureSet &features : all)
      if (features.supportedByHost())
        best = features.cpu;
    SmallVector<dialect::X86FeatureSet> chosen;
    for (const dialect::X86FeatureSet &features : all)
      if (featureSets.empty() || llvm::is_contained(featureSets, features.name) ||
          (native && features.cpu == best && features.supportedByHost()))
        chosen.push_back(features);
    return chosen;
  }

  /// The kernels to compile for one of the chosen feature sets. Beside its level an extension has
  /// only those that differ; the runtime chooses for each kernel.
  SmallVector<func::FuncOp> kernelsOf(const dialect::X86FeatureSet &features,
                                      ArrayRef<dialect::X86FeatureSet> chosen,
                                      ArrayRef<func::FuncOp> functions) {
    bool levelIsChosen = llvm::any_of(chosen, [&](const dialect::X86FeatureSet &other) {
      return other.isLevel() && other.cpu == features.cpu;
    });
    return llvm::filter_to_vector(functions, [&](func::FuncOp function) {
      return !levelIsChosen || dialect::hasOwnCode(function, features);
    });
  }

  LogicalResult compile(const dialect::X86FeatureSet &features, ArrayRef<func::FuncOp> functions) {
    if (functions.empty())
      return success();
    FailureOr<std::string> bytes = dialect::compileX86(functions, features, {dumpDirectory});
    if (failed(bytes))
      return failure();
    addObject(getOperation(), functions,
              {.target = "cpu", .featureSet = features.name, .bytes = *bytes});
    ++objects;
    return success();
  }
};

} // namespace
} // namespace qvl
