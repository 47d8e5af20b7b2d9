#include "RunCommand.h"

#include "Errors.h"
#include "ProbeFolder.h"
#include "TensorFile.h"

#include "qvl/Import/Failure.h"
#include "qvl/Reference/CheckpointParameters.h"
#include "qvl/Reference/GeneratedWeights.h"
#include "qvl/Reference/ModelRun.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Parser/Parser.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/raw_ostream.h"

#include <cmath>

using namespace mlir;
using namespace mlir::qvl::reference;

namespace qvlref {

namespace {

/// The function named on the command line, or the only one.
llvm::Expected<func::FuncOp> findFunction(ModuleOp module, const RunOptions &options) {
  auto functions = llvm::to_vector(module.getOps<func::FuncOp>());
  std::string names;
  for (func::FuncOp function : functions) {
    if (function.getSymName() == options.function)
      return function;
    names += (names.empty() ? "" : ", ") + function.getSymName().str();
  }
  if (options.function.empty() && functions.size() == 1)
    return functions.front();
  if (options.function.empty())
    return ::qvl::badInput(options.module, "has functions " + names + "; name one by --function");
  return ::qvl::badInput(options.module,
                         "has no function '" + options.function + "', only: " + names);
}

/// The argument called `name`, or null.
BlockArgument findArgument(func::FuncOp function, llvm::StringRef name) {
  for (BlockArgument argument : function.getArguments())
    if (argumentName(function, argument.getArgNumber()) == name)
      return argument;
  return nullptr;
}

llvm::Expected<NamedArguments> readInputs(func::FuncOp function, const RunOptions &options) {
  NamedArguments arguments;
  for (BlockArgument argument : function.getArguments())
    if (auto type = dyn_cast<mlir::qvl::CacheType>(argument.getType()))
      arguments.try_emplace(argumentName(function, argument.getArgNumber()), Cache(type));
  for (const std::string &input : options.inputs) {
    auto [name, path] = llvm::StringRef(input).split('=');
    BlockArgument argument = findArgument(function, name);
    if (!argument || !isa<RankedTensorType>(argument.getType()))
      return ::qvl::badInput(options.module, "@" + function.getSymName() +
                                                 " has no tensor argument '" + name + "'");
    llvm::Expected<Tensor> tensor = readTensor(path.str(), argument.getType());
    if (!tensor)
      return tensor.takeError();
    arguments.insert_or_assign(name, std::move(*tensor));
  }
  return arguments;
}

std::string resultName(func::FuncOp function, unsigned result) {
  auto name = function.getResultAttrOfType<StringAttr>(result, mlir::qvl::kNameAttr);
  return name ? name.getValue().str() : "result" + std::to_string(result);
}

/// "features [20, 32] sum -90.513259 magnitudes 569.098006 first -2.115109 ...": enough to compare
/// two runs by eye.
void printSummary(llvm::StringRef name, const Tensor &tensor) {
  double sum = 0, magnitudes = 0;
  for (double value : tensor.values) {
    sum += value;
    magnitudes += std::abs(value);
  }
  llvm::outs() << name << " [";
  llvm::interleaveComma(tensor.shape, llvm::outs());
  llvm::outs() << "] sum " << llvm::format("%.6f", sum) << " magnitudes "
               << llvm::format("%.6f", magnitudes) << " first";
  for (double value : ArrayRef(tensor.values).take_front(5))
    llvm::outs() << llvm::format(" %.6f", value);
  llvm::outs() << "\n";
}

llvm::Error writeResults(func::FuncOp function, ArrayRef<RuntimeValue> results,
                         const RunOptions &options) {
  if (!options.output.empty())
    if (llvm::Error error = createFolder(options.output))
      return error;
  for (auto [number, value] : llvm::enumerate(results)) {
    const auto *tensor = std::get_if<Tensor>(&value);
    if (!tensor)
      continue;
    std::string name = resultName(function, number);
    printSummary(name, *tensor);
    if (options.output.empty())
      continue;
    if (llvm::Error error = writeTensor(options.output + "/" + name + ".npy", *tensor,
                                        function.getResultTypes()[number], options.precision))
      return error;
  }
  return llvm::Error::success();
}

/// Where parameters come from; the checkpoint is opened into `checkpoint`, which must outlive the
/// provider.
llvm::Expected<ParameterProvider> parameterSource(const RunOptions &options,
                                                  std::optional<::qvl::Checkpoint> &checkpoint) {
  if (options.generatedWeights)
    return ParameterProvider(generateParameter);
  if (options.checkpoint.empty())
    return ParameterProvider();
  llvm::Expected<::qvl::Checkpoint> opened = ::qvl::Checkpoint::open(options.checkpoint);
  if (!opened)
    return opened.takeError();
  checkpoint = std::move(*opened);
  return checkpointParameters(*checkpoint);
}

} // namespace

llvm::Error runFunction(const RunOptions &options) {
  MLIRContext context(MLIRContext::Threading::DISABLED);
  context.printOpOnDiagnostic(false);
  context.loadDialect<mlir::qvl::QvlDialect, func::FuncDialect, arith::ArithDialect,
                      tensor::TensorDialect>();
  auto text = llvm::MemoryBuffer::getFileOrSTDIN(options.module, /*IsText=*/true);
  if (!text)
    return ::qvl::badInput(options.module, "cannot be read: " + text.getError().message());
  OwningOpRef<ModuleOp> module =
      parseSourceString<ModuleOp>((*text)->getBuffer(), &context, options.module);
  if (!module)
    return alreadyReported();
  llvm::Expected<func::FuncOp> function = findFunction(*module, options);
  if (!function)
    return function.takeError();
  llvm::Expected<NamedArguments> inputs = readInputs(*function, options);
  if (!inputs)
    return inputs.takeError();
  FailureOr<std::vector<RuntimeValue>> arguments = orderArguments(*function, *inputs);
  if (failed(arguments))
    return alreadyReported();
  std::optional<::qvl::Checkpoint> checkpoint;
  llvm::Expected<ParameterProvider> parameters = parameterSource(options, checkpoint);
  if (!parameters)
    return parameters.takeError();
  ProbeFolder probes(options.probe, options.precision);
  if (llvm::Error error = probes.beginStep(""))
    return error;
  FailureOr<std::vector<RuntimeValue>> results =
      Interpreter(options.precision, std::move(*parameters), probes.probe())
          .run(*function, *arguments);
  if (failed(results))
    return alreadyReported();
  return writeResults(*function, *results, options);
}

} // namespace qvlref
