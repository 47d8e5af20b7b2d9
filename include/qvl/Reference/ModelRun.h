// A traced model on the reference interpreter: the vision tower, and one sequence of the language
// model with its cache.
#pragma once

#include "qvl/Reference/Interpreter.h"

#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/StringMap.h"

namespace mlir::qvl::reference {

/// Arguments of a function by the name they have in the artifact (`qvl.name`).
using NamedArguments = llvm::StringMap<RuntimeValue>;

/// The name of an argument: its `qvl.name`, or "argN" without one.
std::string argumentName(func::FuncOp function, unsigned argument);

/// The arguments of `function` in order. A missing or surplus name is a diagnostic.
FailureOr<std::vector<RuntimeValue>> orderArguments(func::FuncOp function,
                                                    const NamedArguments &arguments);

/// Patch rows of one call of the vision tower, and what the planners say about them.
struct VisionOperands {
  Tensor pixels;    ///< [P, patch_row]
  Tensor positions; ///< [2, P]: row and column of each patch
  Tensor window;    ///< [P / merge²]: window order of groups of rows
  Tensor windows;   ///< [Sw + 1]: cumulative rows of the windows
  Tensor frames;    ///< [Sf + 1]: cumulative rows of the frames
};

/// New tokens of a sequence.
struct TokenRows {
  std::vector<int64_t> ids;         ///< T of them
  Tensor positions;                 ///< [3, T]
  Tensor features;                  ///< [F, H]; F may be 0
  std::vector<int64_t> featureRows; ///< [T]: row of `features`, negative for text
  std::vector<int64_t> logitRows;   ///< rows of this call whose logits are wanted
};

/// How a sequence goes on.
struct GreedyOptions {
  int64_t nextPosition = 0; ///< of the first new token, on all three axes
  int64_t maxNewTokens = 0;
  std::vector<int64_t> stopIds; ///< the stop id is part of the continuation
  double repetitionPenalty = 1; ///< model specification, section 8.2
};

/// What a sequence went on with.
struct Continuation {
  std::vector<int64_t> ids;   ///< G of them
  std::vector<Tensor> logits; ///< of each id, [1, V], before any processing
  bool stopped = false;       ///< by a stop id, not by the limit
};

/// One sequence on the traced functions @vision and @language of a module. The pages of its cache
/// are taken in order.
class ModelRun {
public:
  /// `module` must outlive the run. Fails when it lacks @language.
  static FailureOr<ModelRun> create(ModuleOp module, Interpreter interpreter);

  /// Features [P / merge², H] of the pictures or videos of a request.
  FailureOr<Tensor> encode(const VisionOperands &operands);

  /// Appends tokens to the sequence and returns the logits [R, V] of the rows asked for.
  FailureOr<Tensor> advance(const TokenRows &rows);

  /// Goes on with the most likely id after the row `logits` [1, V], the lowest id on ties.
  FailureOr<Continuation> continueGreedily(Tensor logits, const GreedyOptions &options);

  /// Tokens in the cache.
  int64_t length() const { return static_cast<int64_t>(seen.size()); }

private:
  ModelRun(ModuleOp module, Interpreter interpreter, func::FuncOp language, Cache cache);
  int64_t chooseId(const Tensor &logits, double repetitionPenalty) const;

  ModuleOp module;
  Interpreter interpreter;
  func::FuncOp language;
  Cache cache;
  int64_t columns;           ///< of the features
  std::vector<int64_t> seen; ///< ids of the sequence so far
};

/// A tensor [ids] of the numbers.
Tensor indexTensor(ArrayRef<int64_t> numbers);

} // namespace mlir::qvl::reference
