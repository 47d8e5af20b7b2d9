// The walk over a function: environment, parameters, checks that hold for every op, probes.

#include "qvl/Reference/Interpreter.h"

#include "OpFunctions.h"
#include "Recipes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Parser/Parser.h"
#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mlir::qvl;
using namespace mlir::qvl::reference;

LogicalResult reference::checkRows(Operation *op, StringRef what, const Tensor &tensor,
                                   int64_t rows) {
  if (tensor.rows() != rows)
    return op->emitOpError() << what << " has " << tensor.rows() << " rows instead of " << rows;
  return success();
}

LogicalResult reference::checkRange(Operation *op, StringRef what, const Tensor &index, int64_t low,
                                    int64_t high) {
  for (double value : index.values)
    if (!(value >= static_cast<double>(low) && value < static_cast<double>(high))) // NaN included
      return op->emitOpError() << what << " " << llvm::formatv("{0:F0}", value).str()
                               << " is outside of [" << low << ", " << high << ")";
  return success();
}

StringRef reference::locationName(Location location) {
  auto name = dyn_cast<NameLoc>(location);
  return name ? name.getName().getValue() : StringRef();
}

/// Why `value` cannot be a value of `type`; empty when it can.
static std::string mismatch(const RuntimeValue &value, Type type) {
  if (auto cacheType = dyn_cast<CacheType>(type)) {
    const auto *cache = std::get_if<Cache>(&value);
    return cache && cache->getType() == cacheType ? "" : "is not such a cache";
  }
  const auto *tensor = std::get_if<Tensor>(&value);
  if (!tensor)
    return "is a cache";
  ArrayRef<int64_t> sizes;
  if (auto ranked = dyn_cast<RankedTensorType>(type))
    sizes = ranked.getShape();
  bool fits = tensor->rank() == static_cast<int64_t>(sizes.size());
  int64_t elements = 1;
  for (int64_t i = 0; fits && i < tensor->rank(); ++i) {
    fits =
        tensor->shape[i] >= 0 && (ShapedType::isDynamic(sizes[i]) || sizes[i] == tensor->shape[i]);
    elements *= tensor->shape[i];
  }
  if (fits && elements == tensor->size())
    return "";
  std::string text = "has " + std::to_string(tensor->size()) + " values of shape [";
  for (int64_t i = 0; i < tensor->rank(); ++i)
    text += (i ? ", " : "") + std::to_string(tensor->shape[i]);
  return text + "]";
}

/// Fails when the static sizes of a result alone are beyond any model: nothing of the size of a
/// number in the IR is allocated unchecked.
static LogicalResult checkStaticSizes(Operation &op) {
  constexpr int64_t limit = int64_t{1} << 36;
  for (Type type : op.getResultTypes()) {
    auto tensor = dyn_cast<RankedTensorType>(type);
    int64_t elements = 1;
    for (int64_t size : tensor ? tensor.getShape() : ArrayRef<int64_t>())
      if (!ShapedType::isDynamic(size) &&
          (llvm::MulOverflow(elements, size, elements) || elements > limit))
        return op.emitOpError() << "result " << type << " is too large for the interpreter";
  }
  return success();
}

FailureOr<Tensor> Interpreter::make(ParameterOp op) {
  auto source = [&](StringRef name, RankedTensorType type) -> FailureOr<Tensor> {
    FailureOr<Tensor> tensor = parameters(op, name, type);
    if (failed(tensor))
      return failure();
    std::string reason = mismatch(*tensor, type);
    if (!reason.empty())
      return op.emitOpError() << "source '" << name << "' of type " << type << " " << reason;
    return tensor;
  };
  return evaluateRecipe(op, op.getOrigin(), source, precision);
}

FailureOr<Interpreter::Shared> Interpreter::load(LoadOp op) {
  auto parameter = SymbolTable::lookupNearestSymbolFrom<ParameterOp>(op, op.getParameterAttr());
  if (!parameter)
    return op.emitOpError() << "'" << op.getParameter() << "' does not name a qvl.parameter";
  Shared &known = loaded[parameter];
  if (known)
    return known;
  if (!parameters)
    return op.emitOpError() << "needs parameter '" << op.getParameter()
                            << "', and no parameters were given";
  FailureOr<Tensor> tensor = make(parameter);
  if (failed(tensor))
    return failure();
  return known = std::make_shared<const RuntimeValue>(std::move(*tensor));
}

FailureOr<std::vector<RuntimeValue>> Interpreter::evaluate(Operation &op,
                                                           const Environment &environment) {
  SmallVector<const RuntimeValue *> values;
  for (Value operand : op.getOperands())
    values.push_back(environment.at(operand).get());
  Operands operands(values, precision);
  return TypeSwitch<Operation *, FailureOr<Results>>(&op)
      .Case([&](arith::ConstantIndexOp constant) {
        return Results{Tensor({}, {static_cast<double>(constant.value())})};
      })
      .Case<EmbedOp, GatherRowsOp, MergeFeaturesOp, RegroupOp, MergeRowsOp, LinearOp, RmsNormOp,
            AddOp, MulOp, SiluOp, GeluOp, CastOp, SplitHeadsOp, RopeTableOp, RotateOp, AttentionOp,
            CacheAppendOp, CachedAttentionOp, CachedAttentionSplitsOp, MergeSplitsOp, FusedLinearOp,
            RopeQkOp, RopeAppendOp, ArgmaxOp, SampleOp>(
          [&](auto known) { return evaluateOp(known, operands); })
      .Default([](Operation *unknown) -> FailureOr<Results> {
        return unknown->emitOpError() << "is unknown to the reference interpreter";
      });
}

/// Rounds a result to what its type holds, checks its sizes and shows it to the probe.
LogicalResult Interpreter::finish(OpResult result, RuntimeValue &value) {
  std::string reason = mismatch(value, result.getType());
  if (!reason.empty())
    return result.getOwner()->emitOpError()
           << "result of type " << result.getType() << " " << reason;
  auto *tensor = std::get_if<Tensor>(&value);
  if (!tensor)
    return success();
  Type element = getElementTypeOrSelf(result.getType());
  if (!element.isF32() || precision == Precision::F32)
    roundToElement(tensor->values, element);
  return probe ? probe(locationName(result.getLoc()), result, *tensor) : success();
}

/// Drops the operands of `op` that nothing after it reads, so that a model holds only live values.
static void dropDead(Operation &op, llvm::function_ref<void(Value)> drop) {
  for (Value operand : op.getOperands())
    if (llvm::all_of(operand.getUsers(),
                     [&](Operation *user) { return user == &op || user->isBeforeInBlock(&op); }))
      drop(operand);
}

LogicalResult Interpreter::step(Operation &op, Environment &environment) {
  if (failed(checkStaticSizes(op)))
    return failure();
  if (auto load = dyn_cast<LoadOp>(op)) {
    FailureOr<Shared> parameter = this->load(load);
    if (failed(parameter))
      return failure();
    environment[load.getResult()] = std::move(*parameter);
    return success();
  }
  FailureOr<Results> results = evaluate(op, environment);
  if (failed(results))
    return failure();
  for (auto [result, value] : llvm::zip(op.getResults(), *results)) {
    if (failed(finish(result, value)))
      return failure();
    environment[result] = std::make_shared<const RuntimeValue>(std::move(value));
  }
  dropDead(op, [&](Value dead) { environment.erase(dead); });
  return success();
}

FailureOr<std::vector<RuntimeValue>> Interpreter::run(func::FuncOp function,
                                                      ArrayRef<RuntimeValue> arguments) {
  if (function.isExternal() || !function.getBody().hasOneBlock())
    return function.emitOpError() << "must have a body of one block";
  if (arguments.size() != function.getNumArguments())
    return function.emitOpError() << "takes " << function.getNumArguments() << " arguments, got "
                                  << arguments.size();
  Environment environment;
  for (auto [argument, value] : llvm::zip(function.getArguments(), arguments)) {
    std::string reason = mismatch(value, argument.getType());
    if (!reason.empty())
      return function.emitOpError() << "argument " << argument.getArgNumber() << " of type "
                                    << argument.getType() << " " << reason;
    environment[argument] = std::make_shared<const RuntimeValue>(value);
  }
  for (Operation &op : function.getBody().front().without_terminator())
    if (failed(step(op, environment)))
      return failure();
  std::vector<RuntimeValue> returned;
  for (Value operand : function.getBody().front().getTerminator()->getOperands())
    returned.push_back(*environment.at(operand));
  return returned;
}

FailureOr<std::vector<RuntimeValue>>
reference::evaluateText(StringRef text, ArrayRef<RuntimeValue> arguments, Precision precision,
                        StringRef function, MLIRContext *context) {
  std::optional<MLIRContext> own;
  if (!context)
    context = &own.emplace(MLIRContext::Threading::DISABLED);
  context->printOpOnDiagnostic(false);
  context->loadDialect<QvlDialect, func::FuncDialect, arith::ArithDialect, math::MathDialect>();
  OwningOpRef<ModuleOp> module = parseSourceString<ModuleOp>(text, context);
  if (!module)
    return failure();
  for (func::FuncOp candidate : module->getOps<func::FuncOp>())
    if (function.empty() || candidate.getSymName() == function)
      return Interpreter(precision).run(candidate, arguments);
  return module->emitError() << "has no function '" << function << "'";
}
