// The functions behind the interpreter, one for each op of the dialect, and what they share.
#pragma once

#include "qvl/Reference/Interpreter.h"

namespace mlir::qvl::reference {

/// What an op function sees: the op's operands and the precision of the run. The kinds and static
/// sizes of operands agree with the op's types; dynamic sizes and index values are for the function
/// to check.
class Operands {
public:
  Operands(ArrayRef<const RuntimeValue *> values, Precision precision)
      : values(values), precision(precision) {}

  const Tensor &tensor(unsigned i) const { return std::get<Tensor>(*values[i]); }
  /// The tensor of an optional last operand, or null.
  const Tensor *optionalTensor(unsigned i) const {
    return i < values.size() ? &std::get<Tensor>(*values[i]) : nullptr;
  }
  const Cache &cache(unsigned i) const { return std::get<Cache>(*values[i]); }
  int64_t index(unsigned i) const { return static_cast<int64_t>(tensor(i).values.front()); }

  /// Calls `body` with a zero of the type arithmetic is done in: double or float.
  template <typename Body> auto inPrecision(Body body) const {
    return precision == Precision::F64 ? body(double{0}) : body(float{0});
  }

private:
  ArrayRef<const RuntimeValue *> values;
  Precision precision;
};

using Results = std::vector<RuntimeValue>;

FailureOr<Results> evaluateOp(EmbedOp op, const Operands &operands);
FailureOr<Results> evaluateOp(GatherRowsOp op, const Operands &operands);
FailureOr<Results> evaluateOp(MergeFeaturesOp op, const Operands &operands);
FailureOr<Results> evaluateOp(RegroupOp op, const Operands &operands);
FailureOr<Results> evaluateOp(MergeRowsOp op, const Operands &operands);

FailureOr<Results> evaluateOp(LinearOp op, const Operands &operands);
FailureOr<Results> evaluateOp(RmsNormOp op, const Operands &operands);
FailureOr<Results> evaluateOp(AddOp op, const Operands &operands);
FailureOr<Results> evaluateOp(MulOp op, const Operands &operands);
FailureOr<Results> evaluateOp(SiluOp op, const Operands &operands);
FailureOr<Results> evaluateOp(GeluOp op, const Operands &operands);
FailureOr<Results> evaluateOp(CastOp op, const Operands &operands);
FailureOr<Results> evaluateOp(SplitHeadsOp op, const Operands &operands);

FailureOr<Results> evaluateOp(RopeTableOp op, const Operands &operands);
FailureOr<Results> evaluateOp(RotateOp op, const Operands &operands);

FailureOr<Results> evaluateOp(AttentionOp op, const Operands &operands);
FailureOr<Results> evaluateOp(CacheAppendOp op, const Operands &operands);
FailureOr<Results> evaluateOp(CachedAttentionOp op, const Operands &operands);

FailureOr<Results> evaluateOp(FusedLinearOp op, const Operands &operands);
FailureOr<Results> evaluateOp(RopeQkOp op, const Operands &operands);
FailureOr<Results> evaluateOp(RopeAppendOp op, const Operands &operands);

/// Fails with a diagnostic unless `tensor` has `rows` rows; `what` names it.
LogicalResult checkRows(Operation *op, StringRef what, const Tensor &tensor, int64_t rows);

/// Fails with a diagnostic unless every value of `index` is in `[low, high)`; `what` names it.
LogicalResult checkRange(Operation *op, StringRef what, const Tensor &index, int64_t low,
                         int64_t high);

/// Rounds to the values that `element` can hold (nearest even); integers and indices are left
/// alone.
void roundToElement(MutableArrayRef<double> values, Type element);

} // namespace mlir::qvl::reference
