// The reference interpreter: executes functions of qvl ops, slowly and readably. It is the oracle
// of kernels, fusions and whole models.
#pragma once

#include "qvl/Reference/Tensor.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/DenseMap.h"

#include <functional>
#include <vector>

namespace mlir::qvl::reference {

/// How arithmetic on f32 values is done. Values of bf16 and f16 type are rounded to their type in
/// both, because the IR says so; rotary angles are f32 in both (see RopeTableOp).
enum class Precision {
  F64, ///< f32 values are computed and kept in double precision
  F32, ///< every arithmetic step rounds to f32, sums run in ascending order in one chain
};

/// Gives the tensor `source` of the checkpoint that (part of) a parameter is made of, with the
/// logical shape `type`. Emits a diagnostic at the parameter when it fails.
using ParameterProvider =
    std::function<FailureOr<Tensor>(ParameterOp, StringRef source, RankedTensorType type)>;

/// Sees each tensor an op produces: the name of the op's location (empty when it has none), the
/// number of the result, the result with its type, and the value. Failing stops the run.
using Probe = std::function<LogicalResult(StringRef location, OpResult result, const Tensor &)>;

/// The name of the outermost NameLoc of a location, such as "visual.blocks.0.attn.qkv"; empty when
/// there is none.
StringRef locationName(Location location);

/// Runs functions whose bodies hold qvl ops, `arith.constant` of index type and `func.return`.
/// Parameters are asked for once and kept, so one interpreter serves many steps of a model.
/// Everything wrong with operands (shapes, ranges of indices, slots never written) is a diagnostic
/// at the op and a failure, never an assertion.
class Interpreter {
public:
  explicit Interpreter(Precision precision, ParameterProvider parameters = nullptr,
                       Probe probe = nullptr)
      : precision(precision), parameters(std::move(parameters)), probe(std::move(probe)) {}

  /// Runs `function` on `arguments` (one for each, with the shapes and kinds of its type) and
  /// returns what it returns.
  FailureOr<std::vector<RuntimeValue>> run(func::FuncOp function, ArrayRef<RuntimeValue> arguments);

private:
  using Shared = std::shared_ptr<const RuntimeValue>;
  using Environment = DenseMap<Value, Shared>;

  LogicalResult step(Operation &op, Environment &environment);
  FailureOr<std::vector<RuntimeValue>> evaluate(Operation &op, const Environment &environment);
  FailureOr<Shared> load(LoadOp op);
  FailureOr<Tensor> make(ParameterOp op);
  LogicalResult finish(OpResult result, RuntimeValue &value);

  Precision precision;
  ParameterProvider parameters;
  Probe probe;
  DenseMap<Operation *, Shared> loaded; ///< parameters asked for so far
};

/// Parses `module` (MLIR text with one or more functions), runs the function named `function` (the
/// first one when empty) and returns its results; for tests of single ops and kernels. Parameters
/// are not available. Diagnostics go to stderr. A Cache among arguments or results must stem from
/// `context`; without one, a private context is used, and only tensors may pass.
FailureOr<std::vector<RuntimeValue>> evaluateText(StringRef module,
                                                  ArrayRef<RuntimeValue> arguments,
                                                  Precision precision = Precision::F64,
                                                  StringRef function = "",
                                                  MLIRContext *context = nullptr);

} // namespace mlir::qvl::reference
