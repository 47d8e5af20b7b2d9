#include "test/unit/math/JitFunction.h"

#include "qvl/Codegen/Math.h"

#include "mlir/Conversion/Passes.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlow.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "mlir/Transforms/Passes.h"
#include "llvm/ExecutionEngine/Orc/LLJIT.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/TargetSelect.h"

#include <gtest/gtest.h>

using namespace mlir;

struct JitFunction::State {
  std::unique_ptr<llvm::orc::LLJIT> jit;
};

/// The function's MLIR: a loop over groups of `lanes` elements.
static std::string sourceOf(const std::string &name, JitFunction::Form form) {
  bool vectors = form != JitFunction::Form::Scalar;
  std::string type = vectors ? "vector<16xf32>" : "f32", lanes = vectors ? "16" : "1";
  return "func.func @apply(%in: !llvm.ptr, %out: !llvm.ptr, %count: i64) {\n"
         "  %zero = arith.constant 0 : i64\n"
         "  %step = arith.constant " +
         lanes +
         " : i64\n"
         "  scf.for %i = %zero to %count step %step : i64 {\n"
         "    %from = llvm.getelementptr %in[%i] : (!llvm.ptr, i64) -> !llvm.ptr, f32\n"
         "    %to = llvm.getelementptr %out[%i] : (!llvm.ptr, i64) -> !llvm.ptr, f32\n"
         "    %x = llvm.load %from {alignment = 4 : i64} : !llvm.ptr -> " +
         type +
         "\n"
         "    %y = math." +
         name + " %x : " + type +
         "\n"
         "    llvm.store %y, %to {alignment = 4 : i64} : " +
         type +
         ", !llvm.ptr\n"
         "  }\n  return\n}\n";
}

static LogicalResult lower(ModuleOp module, bool avx512) {
  PassManager pm(module.getContext());
  pm.addPass(mlir::qvl::createExpandMathPass(avx512));
  pm.addPass(createCSEPass());
  pm.addPass(createSCFToControlFlowPass());
  pm.addPass(createConvertMathToLLVMPass());
  pm.addPass(createArithToLLVMConversionPass());
  pm.addPass(createConvertControlFlowToLLVMPass());
  pm.addPass(createConvertFuncToLLVMPass());
  pm.addPass(createReconcileUnrealizedCastsPass());
  return pm.run(module);
}

/// The function in LLVM IR, or null.
static std::unique_ptr<llvm::Module> translate(const std::string &source, bool avx512,
                                               llvm::LLVMContext &llvmContext) {
  DialectRegistry registry;
  registry.insert<arith::ArithDialect, func::FuncDialect, scf::SCFDialect, LLVM::LLVMDialect,
                  math::MathDialect, cf::ControlFlowDialect>();
  registerBuiltinDialectTranslation(registry);
  registerLLVMDialectTranslation(registry);
  MLIRContext context(registry, MLIRContext::Threading::DISABLED);
  auto module = parseSourceString<ModuleOp>(source, &context);
  if (!module || failed(lower(*module, avx512)))
    return nullptr;
  return translateModuleToLLVMIR(*module, llvmContext);
}

/// Compiles without symbols of this process: a call into the math library is an error.
static llvm::Expected<std::unique_ptr<llvm::orc::LLJIT>>
compile(std::unique_ptr<llvm::Module> module, std::unique_ptr<llvm::LLVMContext> context) {
  auto jit = llvm::orc::LLJITBuilder()
                 .setPlatformSetUp(llvm::orc::setUpInactivePlatform)
                 .setLinkProcessSymbolsByDefault(false)
                 .create();
  if (!jit)
    return jit.takeError();
  module->setDataLayout((*jit)->getDataLayout());
  if (auto error = (*jit)->addIRModule({std::move(module), std::move(context)}))
    return std::move(error);
  return jit;
}

JitFunction::JitFunction(const std::string &name, Form form) : state(new State) {
  llvm::InitializeNativeTarget();
  llvm::InitializeNativeTargetAsmPrinter();
  auto context = std::make_unique<llvm::LLVMContext>();
  std::unique_ptr<llvm::Module> module =
      translate(sourceOf(name, form), form == Form::Avx512, *context);
  if (!module) {
    ADD_FAILURE() << "math." << name << " does not lower";
    return;
  }
  auto jit = compile(std::move(module), std::move(context));
  if (!jit) {
    ADD_FAILURE() << llvm::toString(jit.takeError());
    return;
  }
  state->jit = std::move(*jit);
  auto symbol = state->jit->lookup("apply");
  if (!symbol) {
    ADD_FAILURE() << llvm::toString(symbol.takeError());
    return;
  }
  entry = symbol->toPtr<void (*)(const float *, float *, int64_t)>();
}

JitFunction::~JitFunction() = default;
