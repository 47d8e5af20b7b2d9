// The functions behind the interpreter, one for each op of the dialect, and what they share.
#pragma once

#include "qvl/Reference/Interpreter.h"

namespace mlir::qvl::reference {

/// Calls `body` with a zero of the type arithmetic is done in: double or float.
template <typename Body> auto inPrecision(Precision precision, Body body) {
  return precision == Precision::F64 ? body(double{0}) : body(float{0});
}

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
  /// The tensor among the operands that stands for `value`, or null when `value` is.
  const Tensor *tensorOf(Operation *op, Value value) const {
    auto found = llvm::find(op->getOperands(), value);
    return value ? &tensor(static_cast<unsigned>(found - op->operand_begin())) : nullptr;
  }
  const Cache &cache(unsigned i) const { return std::get<Cache>(*values[i]); }
  int64_t index(unsigned i) const { return static_cast<int64_t>(tensor(i).values.front()); }

  Precision getPrecision() const { return precision; }

  template <typename Body> auto inPrecision(Body body) const {
    return reference::inPrecision(precision, body);
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
FailureOr<Results> evaluateOp(CachedAttentionSplitsOp op, const Operands &operands);
FailureOr<Results> evaluateOp(MergeSplitsOp op, const Operands &operands);

FailureOr<Results> evaluateOp(FusedLinearOp op, const Operands &operands);
FailureOr<Results> evaluateOp(RopeQkOp op, const Operands &operands);
FailureOr<Results> evaluateOp(RopeAppendOp op, const Operands &operands);

FailureOr<Results> evaluateOp(ArgmaxOp op, const Operands &operands);
FailureOr<Results> evaluateOp(SampleOp op, const Operands &operands);

/// Fails with a diagnostic unless `tensor` has `rows` rows; `what` names it.
LogicalResult checkRows(Operation *op, StringRef what, const Tensor &tensor, int64_t rows);

/// Fails with a diagnostic unless every value of `index` is in `[low, high)`; `what` names it.
LogicalResult checkRange(Operation *op, StringRef what, const Tensor &index, int64_t low,
                         int64_t high);

/// Where rows go through a permutation of groups: row t stands for row index[t div g]·g + t mod g.
/// Without an index, for itself.
struct RowMap {
  const Tensor *index = nullptr;
  int64_t group = 1;

  int64_t operator()(int64_t t) const {
    return index ? static_cast<int64_t>(index->values[t / group]) * group + t % group : t;
  }
};

/// The row map of an op that may have one; a diagnostic unless it permutes `rows` rows.
FailureOr<RowMap> makeRowMap(Operation *op, const Tensor *index, std::optional<uint64_t> group,
                             int64_t rows);

/// result[t, :] = input[map(t), :]
Tensor loadRows(const Tensor &input, const RowMap &map);

/// result[map(t), :] = input[t, :]
Tensor storeRows(const Tensor &input, const RowMap &map);

/// Σ_k input[t, k] · weight[n, k] + bias[n] in the precision of the run, each sum one chain of
/// ascending k; no bias when null.
Tensor project(const Tensor &input, const Tensor &weight, const Tensor *bias, Precision precision);

/// The columns as one tensor [rows, heads[i], headDim] per entry of `heads`.
std::vector<Tensor> splitHeads(const Tensor &input, ArrayRef<int64_t> heads, int64_t headDim);

/// Every head of `input` rotated by its row of `table`; a diagnostic unless their rows agree.
FailureOr<Tensor> rotateHeads(Operation *op, const Tensor &input, const Tensor &table,
                              Precision precision);

/// `cache` with the rows of key and value in `layer` at `slots`.
FailureOr<Cache> appendRows(Operation *op, const Tensor &key, const Tensor &value,
                            const Cache &cache, int64_t layer, const Tensor &slots);

/// Rounds to the values that `element` can hold (nearest even); integers and indices are left
/// alone.
void roundToElement(MutableArrayRef<double> values, Type element);

} // namespace mlir::qvl::reference
